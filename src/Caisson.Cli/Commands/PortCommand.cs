using System.Text.Json;

using Caisson.Cli.CommandLine;
using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson port</c></summary>
internal sealed class PortCommand : Command
{
    public override string Usage => "CONTAINER [PRIVATE_PORT[/PROTO]]";

    public override IReadOnlyList<string> Examples => ["port web", "port web 80/tcp"];

    public override (int Min, int Max) ArgumentCount => (1, 2);

    public override CompletionKind Completes => CompletionKind.RunningContainers;

    public override int Run(Session session)
    {
        using var inspected = session.Engine.InspectContainer(Arguments[0]);
        string? wanted = Arguments.Count == 1 ? null : Arguments[1].Contains('/', StringComparison.Ordinal) ? Arguments[1] : Arguments[1] + "/tcp";
        bool any = false;
        foreach (var (port, host) in Published(inspected.RootElement))
        {
            if (wanted is null)
            {
                session.Out.WriteLine($"{port} -> {host}");
            }
            else if (port == wanted)
            {
                any = true;
                session.Out.WriteLine(host);
            }
        }
        return wanted is null || any
            ? 0
            : throw new CaissonException(ErrorKind.NotFound, $"no public port '{wanted}' published for {Arguments[0]}");
    }

    private static IEnumerable<(string Port, string Host)> Published(JsonElement container)
    {
        if (!container.GetProperty("NetworkSettings").TryGetProperty("Ports", out var ports) || ports.ValueKind != JsonValueKind.Object)
        {
            yield break;
        }
        foreach (var port in ports.EnumerateObject().OrderBy(port => port.Name, StringComparer.Ordinal))
        {
            foreach (var binding in port.Value.ValueKind == JsonValueKind.Array ? port.Value.EnumerateArray() : default)
            {
                string address = binding.GetProperty("HostIp").GetString() ?? "";
                address = address.Contains(':', StringComparison.Ordinal) ? $"[{address}]" : address;
                yield return (port.Name, $"{address}:{binding.GetProperty("HostPort").GetString()}");
            }
        }
    }
}
