using Caisson.Client.Secrets;

namespace Caisson.Cli.Values;

/// <summary>A secret or config of a container: <c>NAME[,target=NAME][,uid=ID][,gid=ID][,mode=OCTAL]</c>, also with <c>source=NAME</c>.</summary>
internal static class SecretSpec
{
    /// <exception cref="FormatException">A key is unknown, a value is wrong, or the name is missing.</exception>
    public static SecretFile Parse(string text)
    {
        var file = new SecretFile("");
        foreach (string field in text.Split(','))
        {
            int equals = field.IndexOf('=', StringComparison.Ordinal);
            string value = field[(equals + 1)..].Trim();
            file = (equals < 0 ? "" : field[..equals].Trim().ToLowerInvariant()) switch
            {
                "" or "source" or "src" => file with { Source = value },
                "target" or "dst" or "destination" => file with { Target = value },
                "uid" => file with { User = value },
                "gid" => file with { Group = value },
                "mode" => file with { Mode = Octal(value, text) },
                var key => throw new FormatException($"unknown key '{key}' in {text}; source, target, uid, gid and mode are known"),
            };
        }
        return file.Source.Length > 0 ? file : throw new FormatException($"the name is missing in '{text}'; write NAME[,target=NAME]");
    }

    private static int Octal(string value, string whole)
    {
        try
        {
            int mode = Convert.ToInt32(value, 8);
            return mode is >= 0 and <= 0x1FF ? mode : throw new FormatException($"invalid mode '{value}' in {whole}; it is octal, such as 0400");
        }
        catch (Exception error) when (error is FormatException or OverflowException or ArgumentException)
        {
            throw new FormatException($"invalid mode '{value}' in {whole}; it is octal, such as 0400", error);
        }
    }
}
