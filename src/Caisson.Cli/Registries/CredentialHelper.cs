using System.Buffers;
using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using System.Text.Json;

using Caisson.Errors;

namespace Caisson.Cli.Registries;

/// <summary>A program that keeps credentials: <c>docker-credential-NAME</c>, asked by its standard input.</summary>
/// <remarks>Source: docker login(1), "Credential helper protocol".</remarks>
internal sealed class CredentialHelper
{
    private const string TokenUser = "<token>";

    private readonly string _program;

    /// <param name="name">As configured; a path is refused, since whoever can write the file could name any program.</param>
    public CredentialHelper(string name) => _program = name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
        ? "docker-credential-" + name
        : throw new CaissonException(ErrorKind.InvalidArgument, $"'{name}' is not the name of a credential helper");

    /// <summary>What it has for <paramref name="server"/>; null for nothing.</summary>
    public RegistryCredential? Get(string server)
    {
        (int code, string output) = Ask("get", server);
        if (code != 0)
        {
            return output.Contains("not found", StringComparison.OrdinalIgnoreCase)
                ? null
                : throw new CaissonException(ErrorKind.Unavailable, $"{_program} does not say what it has for {server}: {output.Trim()}");
        }
        try
        {
            using JsonDocument document = JsonDocument.Parse(output);
            string user = document.RootElement.GetProperty("Username").GetString() ?? "";
            string secret = document.RootElement.GetProperty("Secret").GetString() ?? "";
            return user == TokenUser ? new RegistryCredential(server, "", "", secret) : new RegistryCredential(server, user, secret, "");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{_program} answers with something else than credentials", e);
        }
    }

    /// <summary>Keeps <paramref name="credential"/>.</summary>
    public void Put(RegistryCredential credential)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("ServerURL", credential.Server);
            json.WriteString("Username", credential.IdentityToken.Length > 0 ? TokenUser : credential.Username);
            json.WriteString("Secret", credential.IdentityToken.Length > 0 ? credential.IdentityToken : credential.Password);
            json.WriteEndObject();
        }
        Require("store", Encoding.UTF8.GetString(buffer.WrittenSpan));
    }

    /// <summary>Forgets what it has for <paramref name="server"/>.</summary>
    public void Remove(string server) => Require("erase", server);

    private void Require(string action, string input)
    {
        (int code, string output) = Ask(action, input);
        if (code != 0)
        {
            throw new CaissonException(ErrorKind.Unavailable, $"{_program} {action}: {output.Trim()}");
        }
    }

    private (int Code, string Output) Ask(string action, string input)
    {
        try
        {
            using var helper = Process.Start(new ProcessStartInfo(_program, [action])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                UseShellExecute = false,
            })!;
            helper.StandardInput.Write(input);
            helper.StandardInput.Close();
            string output = helper.StandardOutput.ReadToEnd();
            helper.WaitForExit();
            return (helper.ExitCode, output);
        }
        catch (Win32Exception e)
        {
            throw new CaissonException(ErrorKind.NotFound, $"{_program} cannot be run: {e.Message}; it is named by the configuration of credentials", e);
        }
    }
}
