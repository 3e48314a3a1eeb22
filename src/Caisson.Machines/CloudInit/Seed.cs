using System.Buffers;
using System.Text;
using System.Text.Json;

using Caisson.Errors;
using Caisson.Linux.Libraries;

namespace Caisson.Machines.CloudInit;

/// <summary>The disc that tells a machine who it is, as cloud-init's data source NoCloud reads it, and, in plain words of the shell, the machines that <c>caisson machine bootstrap</c> makes.</summary>
/// <remarks>
/// Documents are JSON, which every reader of YAML reads, so nothing a user says can become structure. Source: cloud-init, "NoCloud", "Network config version 2".
/// </remarks>
/// <param name="Files">Names and contents.</param>
/// <param name="Notes">What a machine without cloud-init will not do of what was asked, for people.</param>
public sealed record Seed(IReadOnlyList<(string Name, string Text)> Files, IReadOnlyList<string> Notes)
{
    /// <summary>The volume's name, by which machines find it.</summary>
    public const string Volume = "cidata";

    /// <summary>The file that machines of ours execute.</summary>
    public const string FirstBootName = "first-boot";

    private const int UserDataCharactersMax = 1 << 20;

    /// <summary>Compiles what a machine is told.</summary>
    /// <param name="config">What is asked for.</param>
    /// <exception cref="ProblemsException">Something of it is wrong; of documents, with line and column.</exception>
    public static Seed Compile(SeedConfig config)
    {
        List<Problem> problems = [];
        Check(config, problems);
        string? hash = config.Password.Length > 0 && problems.Count == 0 ? PasswordHash.Make(config.Password) : null;
        List<(string, string)> files = [("meta-data", Json(json =>
        {
            json.WriteString("instance-id", config.InstanceId);
            json.WriteString("local-hostname", config.Hostname);
        }) + "\n")];
        string ours = "#cloud-config\n" + CloudConfig(config, hash) + "\n";
        SeedValue.Members? document = null;
        if (config.UserData is { } userData)
        {
            document = ReadUserData(userData, problems);
            files.Add(("user-data", userData));
            files.Add(("vendor-data", ours));
        }
        else
        {
            files.Add(("user-data", ours));
        }
        if (config.NetworkConfig is { } network)
        {
            List<Problem> found = [];
            if (SeedYaml.Read(network, found) is { } value && (value as SeedValue.Members)?["version"] is null && (value as SeedValue.Members)?["network"] is null)
            {
                found.Add(value.Problem("a network-config is a mapping that says its version: 1 or 2"));
            }
            problems.AddRange(found.Select(problem => problem with { Path = $"network-config, {problem.Path}" }));
            files.Add(("network-config", network));
        }
        else if (config.Interfaces.Count > 0)
        {
            files.Add(("network-config", Network(config) + "\n"));
        }
        ProblemsException.ThrowIfAny("what the machine is told at its first start", problems);
        var script = new FirstBootScript(config, hash);
        files.Add((FirstBootName, script.Write(document)));
        return new Seed(files, script.Notes);
    }

    /// <summary>The disc's bytes.</summary>
    /// <param name="made">The time that everything on it has.</param>
    public byte[] ToDisc(DateTimeOffset made) =>
        IsoImage.Write(Volume, [.. Files.Select(file => (file.Name, new ReadOnlyMemory<byte>(Encoding.UTF8.GetBytes(file.Text))))], made);

    private static void Check(SeedConfig config, List<Problem> problems)
    {
        if (config.InstanceId.Length is 0 or > 128 || !config.InstanceId.All(c => char.IsAsciiLetterOrDigit(c) || c == '-'))
        {
            problems.Add(new("/instance-id", "has 1 to 128 letters, digits and '-'"));
        }
        if (config.Hostname.Length is 0 or > 253 || config.Hostname[0] == '-' || !config.Hostname.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.'))
        {
            problems.Add(new("/hostname", $"'{config.Hostname}' is not the name of a host"));
        }
        if (config.User.Length > 0 && (config.User.Length > 32 || !(char.IsAsciiLetterLower(config.User[0]) || config.User[0] == '_') || !config.User.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_')))
        {
            problems.Add(new("/user", $"'{config.User}' is not the name of a user: it has up to 32 small letters, digits, '-' and '_', and begins with a letter"));
        }
        for (int i = 0; i < config.SshKeys.Count; i++)
        {
            string[] words = config.SshKeys[i].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            bool isKey = words.Zip(words.Skip(1)).Any(pair => (pair.First.StartsWith("ssh-", StringComparison.Ordinal) || pair.First.StartsWith("ecdsa-", StringComparison.Ordinal) || pair.First.StartsWith("sk-", StringComparison.Ordinal))
                && pair.Second.StartsWith("AAAA", StringComparison.Ordinal));
            if (!isKey || config.SshKeys[i].Any(char.IsControl))
            {
                problems.Add(new($"/ssh-keys/{i}", config.SshKeys[i].Contains("PRIVATE KEY", StringComparison.Ordinal)
                    ? "is a private key; give the public one, whose file ends in .pub"
                    : "is not a public key as a line of authorized_keys, such as 'ssh-ed25519 AAAA…'"));
            }
        }
        for (int i = 0; i < config.Packages.Count; i++)
        {
            if (!IsPackage(config.Packages[i]))
            {
                problems.Add(new($"/packages/{i}", $"'{config.Packages[i]}' is not the name of a package"));
            }
        }
    }

    internal static bool IsPackage(string name) =>
        name.Length is > 0 and <= 128 && char.IsAsciiLetterOrDigit(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '+' or '-' or '.' or ':' or '=' or '~' or '/' or '_');

    /// <summary>Checks the user's document; gives it when it is cloud-config.</summary>
    private static SeedValue.Members? ReadUserData(string text, List<Problem> problems)
    {
        if (text.Length > UserDataCharactersMax)
        {
            problems.Add(new("user-data", $"has {text.Length} characters, and {UserDataCharactersMax} are the most"));
            return null;
        }
        string first = text.Split('\n', 2)[0].Trim();
        if (first.StartsWith("#!", StringComparison.Ordinal) || first.StartsWith("Content-Type:", StringComparison.OrdinalIgnoreCase) || first.StartsWith("MIME-Version:", StringComparison.OrdinalIgnoreCase)
            || first is "#include" or "#include-once" or "#cloud-boothook" or "#cloud-config-archive" or "#part-handler" or "## template: jinja" || text.Trim().Length == 0)
        {
            return null;
        }
        if (first != "#cloud-config")
        {
            problems.Add(new("user-data, line 1, column 1", "its first line says what it is: '#cloud-config', '#!' with a program, or 'Content-Type:'; without, cloud-init does nothing with it"));
            return null;
        }
        List<Problem> found = [];
        SeedValue? value = SeedYaml.Read(text, found);
        if (value is not (null or SeedValue.Members or SeedValue.Text { IsNull: true }))
        {
            found.Add(value.Problem($"a cloud-config is a mapping, and this is {value.Kind}"));
        }
        var document = value as SeedValue.Members;
        if (document is not null)
        {
            CloudConfigShape.Check(document, found);
        }
        problems.AddRange(found.Select(problem => problem with { Path = $"user-data, {problem.Path}" }));
        return document;
    }

    private static string CloudConfig(SeedConfig config, string? hash) => Json(json =>
    {
        json.WriteString("hostname", config.Hostname);
        json.WriteBoolean("manage_etc_hosts", true);
        if (config.User.Length > 0)
        {
            json.WriteStartArray("users");
            json.WriteStartObject();
            json.WriteString("name", config.User);
            json.WriteString("shell", "/bin/bash");
            json.WriteString("sudo", "ALL=(ALL) NOPASSWD:ALL");
            json.WriteBoolean("lock_passwd", hash is null);
            if (hash is not null)
            {
                json.WriteString("hashed_passwd", hash);
            }
            Texts(json, "ssh_authorized_keys", config.SshKeys);
            json.WriteEndObject();
            json.WriteEndArray();
        }
        else
        {
            Texts(json, "ssh_authorized_keys", config.SshKeys);
            if (hash is not null)
            {
                json.WriteString("password", hash);
            }
        }
        if (hash is not null)
        {
            json.WriteStartObject("chpasswd");
            json.WriteBoolean("expire", false);
            json.WriteEndObject();
            json.WriteBoolean("ssh_pwauth", true);
        }
        Texts(json, "packages", config.Packages);
        Texts(json, "runcmd", config.Commands);
    });

    private static string Network(SeedConfig config) => Json(json =>
    {
        json.WriteNumber("version", 2);
        json.WriteStartObject("ethernets");
        foreach (SeedInterface one in config.Interfaces)
        {
            json.WriteStartObject(one.Name);
            json.WriteStartObject("match");
            json.WriteString("macaddress", one.HardwareAddress);
            json.WriteEndObject();
            json.WriteBoolean("dhcp4", one.Addresses.Count == 0);
            Texts(json, "addresses", one.Addresses);
            if (one.Gateway.Length > 0)
            {
                json.WriteStartArray("routes");
                json.WriteStartObject();
                json.WriteString("to", one.Gateway.Contains(':') ? "::/0" : "0.0.0.0/0");
                json.WriteString("via", one.Gateway);
                json.WriteEndObject();
                json.WriteEndArray();
            }
            if (one.NameServers.Count > 0)
            {
                json.WriteStartObject("nameservers");
                Texts(json, "addresses", one.NameServers);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        json.WriteEndObject();
    });

    private static void Texts(Utf8JsonWriter json, string name, IReadOnlyList<string> texts)
    {
        if (texts.Count > 0)
        {
            json.WriteStartArray(name);
            foreach (string text in texts)
            {
                json.WriteStringValue(text);
            }
            json.WriteEndArray();
        }
    }

    private static string Json(Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
