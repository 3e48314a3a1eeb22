using Caisson.Errors;

namespace Caisson.Cli.Building;

/// <summary>Where a build's secret comes from: <c>id=NAME,src=FILE</c> or <c>id=NAME,env=VARIABLE</c>.</summary>
/// <param name="Id">What steps call it.</param>
/// <param name="File">A file; empty for a variable.</param>
/// <param name="Variable">A variable of the environment; empty for a file.</param>
internal sealed record SecretSource(string Id, string File, string Variable)
{
    /// <exception cref="FormatException">Malformed.</exception>
    public static SecretSource Parse(string text)
    {
        Dictionary<string, string> fields = [];
        foreach (string field in text.Split(','))
        {
            int equals = field.IndexOf('=');
            string key = equals < 0 ? field : field[..equals];
            if (equals < 0 || key is not ("id" or "src" or "source" or "env" or "type"))
            {
                throw new FormatException("write id=NAME,src=FILE or id=NAME,env=VARIABLE");
            }
            fields[key == "source" ? "src" : key] = field[(equals + 1)..];
        }
        string id = fields.GetValueOrDefault("id", "");
        if (id.Length == 0 || id.Contains('/') || id is "." or "..")
        {
            throw new FormatException("a secret needs id=NAME, and a name has no slash");
        }
        bool fromVariable = fields.GetValueOrDefault("type") == "env" || fields.ContainsKey("env");
        string source = fields.GetValueOrDefault("src", "");
        return fromVariable
            ? new SecretSource(id, "", fields.GetValueOrDefault("env", source.Length > 0 ? source : id))
            : new SecretSource(id, source, source.Length == 0 ? id : "");
    }

    /// <summary>The secret.</summary>
    public byte[] Read(Session session)
    {
        if (File.Length > 0)
        {
            return System.IO.File.ReadAllBytes(File);
        }
        if (session.VariableAsSet(Variable) is { } value)
        {
            return System.Text.Encoding.UTF8.GetBytes(value);
        }
        return System.IO.File.Exists(Id)
            ? System.IO.File.ReadAllBytes(Id)
            : throw new CaissonException(ErrorKind.NotFound, $"secret {Id}: neither a variable {Variable} nor a file {Id} is there");
    }
}
