using System.Text.Json;

using Caisson.Cli.Templates;

namespace Caisson.Cli.Values;

/// <summary>Security options: a seccomp filter is a file here and text for the engine.</summary>
internal static class SecurityOption
{
    /// <exception cref="FormatException">The file is not JSON.</exception>
    public static string Resolve(string option)
    {
        const string seccomp = "seccomp=";
        string text = option.Contains('=', StringComparison.Ordinal) || option.StartsWith("no-new-privileges", StringComparison.Ordinal)
            ? option
            : option.Replace(':', '=');
        if (!text.StartsWith(seccomp, StringComparison.Ordinal) || text[seccomp.Length..] is "unconfined" or "builtin")
        {
            return text;
        }
        string path = text[seccomp.Length..];
        try
        {
            using var profile = JsonDocument.Parse(File.ReadAllBytes(path));
            return seccomp + TemplateJson.Write(profile.RootElement);
        }
        catch (JsonException e)
        {
            throw new FormatException($"the seccomp profile {path} is not JSON: {e.Message}", e);
        }
    }
}
