using System.Text.Json;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Templates;
using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson version</c></summary>
internal sealed class VersionCommand : Command
{
    private readonly ValueOption<string> _format;

    public VersionCommand() => _format = Format('f');

    public override string Usage => "[OPTIONS]";

    public override IReadOnlyList<string> Examples => ["version", "version --format '{{.Server.Version}}'"];

    public override int Run(Session session)
    {
        JsonDocument? server = null;
        CaissonException? failure = null;
        string api = Client.ApiVersion.Newest.ToString();
        try
        {
            server = session.Engine.EngineVersion();
            api = session.Engine.Version.ToString();
        }
        catch (CaissonException e)
        {
            failure = e;
        }
        using (server)
        {
            var client = new ClientVersion(api);
            if (_format.Value.Length > 0)
            {
                PrintFormat(session, client, server);
            }
            else
            {
                PrintPage(session, client, server);
            }
        }
        if (failure is not null)
        {
            session.Flush();
            session.Error.WriteLine($"caisson: {failure.Message}");
        }
        return failure is null ? 0 : 1;
    }

    private void PrintFormat(Session session, ClientVersion client, JsonDocument? server)
    {
        var both = new Versions(client, server?.RootElement);
        session.Out.WriteLine(_format.Value == "json" ? TemplateJson.Write(both) : Template.Parse(_format.Value).Render(both));
    }

    private static void PrintPage(Session session, ClientVersion client, JsonDocument? server)
    {
        session.Out.WriteLine("Client:");
        Line(session, 1, "Version:", CaissonCommandLine.Version);
        Line(session, 1, "API version:", client.Api);
        Line(session, 1, "OS/Arch:", ClientVersion.Platform);
        if (server is null)
        {
            return;
        }
        var root = server.RootElement;
        session.Out.WriteLine();
        session.Out.WriteLine("Server:");
        if (!root.TryGetProperty("Components", out var components) || components.ValueKind != JsonValueKind.Array)
        {
            Line(session, 1, "Version:", Text(root, "Version"));
            return;
        }
        foreach (var component in components.EnumerateArray())
        {
            string name = Text(component, "Name");
            session.Out.WriteLine($" {name}:");
            Line(session, 2, "Version:", Text(component, "Version"));
            if (component.TryGetProperty("Details", out var details) && details.ValueKind == JsonValueKind.Object)
            {
                PrintDetails(session, details);
            }
        }
    }

    private static void PrintDetails(Session session, JsonElement details)
    {
        if (Text(details, "ApiVersion") is { Length: > 0 } api)
        {
            Line(session, 2, "API version:", $"{api} (minimum version {Text(details, "MinAPIVersion")})");
            Line(session, 2, "OS/Arch:", $"{Text(details, "Os")}/{Text(details, "Arch")}");
            Line(session, 2, "Kernel:", Text(details, "KernelVersion"));
        }
        if (Text(details, "GitCommit") is { Length: > 0 } commit)
        {
            Line(session, 2, "Git commit:", commit);
        }
    }

    private static void Line(Session session, int indent, string name, string value) =>
        session.Out.WriteLine($"{new string(' ', indent)}{name.PadRight(19 - indent)}{value}");

    private static string Text(JsonElement json, string name) => json.TryGetProperty(name, out var value) ? value.ToString() : "";

    private sealed record ClientVersion(string Api) : ITemplateObject
    {
        public static string Platform => $"linux/{(System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture
            == System.Runtime.InteropServices.Architecture.Arm64 ? "arm64" : "amd64")}";

        public IEnumerable<string> Names => ["ApiVersion", "Arch", "DefaultAPIVersion", "Os", "Version"];

        public bool TryGet(string name, IReadOnlyList<object?> arguments, out object? value)
        {
            value = name switch
            {
                "ApiVersion" or "APIVersion" => Api,
                "Arch" => Platform["linux/".Length..],
                "DefaultAPIVersion" => Client.ApiVersion.Newest.ToString(),
                "Os" => "linux",
                "Version" => CaissonCommandLine.Version,
                _ => null,
            };
            return value is not null;
        }
    }

    private sealed record Versions(ClientVersion Client, JsonElement? Server) : ITemplateObject
    {
        public IEnumerable<string> Names => ["Client", "Server"];

        public bool TryGet(string name, IReadOnlyList<object?> arguments, out object? value)
        {
            value = name switch { "Client" => Client, "Server" => Server, _ => null };
            return name is "Client" or "Server";
        }
    }
}
