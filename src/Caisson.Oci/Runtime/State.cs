using System.Collections.ObjectModel;
using System.Text.Json;
using Caisson.Oci.Json;

namespace Caisson.Oci.Runtime;

/// <summary>What <c>state</c> prints and hooks read on stdin. Source: runtime-spec runtime.md, "State".</summary>
public sealed record State
{
    /// <summary>The specification's version the state complies with.</summary>
    public required string OciVersion { get; init; }

    /// <summary>The container's id, unique on the host for one runtime root.</summary>
    public required string Id { get; init; }

    /// <summary>Where the container is in its life.</summary>
    public required ContainerStatus Status { get; init; }

    /// <summary>The first process in the runtime's pid namespace; 0 (and left out) when it has none.</summary>
    public int Pid { get; init; }

    /// <summary>The absolute path of the bundle.</summary>
    public required string Bundle { get; init; }

    /// <summary>The annotations of the configuration.</summary>
    public IReadOnlyDictionary<string, string> Annotations { get; init; } = ReadOnlyDictionary<string, string>.Empty;
}

/// <summary>Where a container is in its life.</summary>
public enum ContainerStatus
{
    /// <summary>Between the request and the end of <c>create</c>.</summary>
    Creating,

    /// <summary>Made; the user's program waits for <c>start</c>.</summary>
    Created,

    /// <summary>The user's program runs.</summary>
    Running,

    /// <summary>The first process is gone.</summary>
    Stopped,

    /// <summary>All processes are frozen; an extension that runc has too.</summary>
    Paused,
}

/// <summary>The state document.</summary>
internal static class StateJson
{
    private static readonly string[] Statuses = ["creating", "created", "running", "stopped", "paused"];

    /// <summary>The specification's word for <paramref name="status"/>.</summary>
    public static string NameOf(ContainerStatus status) => Statuses[(int)status];

    public static State Read(ref JsonCursor json)
    {
        string? version = null;
        string? id = null;
        string? bundle = null;
        int? status = null;
        int pid = 0;
        IReadOnlyDictionary<string, string> annotations = ReadOnlyDictionary<string, string>.Empty;

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "ociVersion": version = json.Text(); break;
                case "id": id = json.Text(); break;
                case "status": status = json.Choice(Statuses); break;
                case "pid": pid = (int)json.Integer(0, int.MaxValue); break;
                case "bundle": bundle = json.Text(); break;
                case "annotations": annotations = json.TextMap(); break;
                default: json.Skip(); break;
            }
        }
        if (entered)
        {
            Require(ref json, version, "ociVersion");
            Require(ref json, id, "id");
            Require(ref json, status, "status");
            Require(ref json, bundle, "bundle");
        }
        return new State
        {
            OciVersion = version ?? "",
            Id = id ?? "",
            Status = (ContainerStatus)(status ?? 0),
            Pid = pid,
            Bundle = bundle ?? "",
            Annotations = annotations,
        };
    }

    public static void Write(Utf8JsonWriter json, State state)
    {
        json.WriteStartObject();
        json.WriteString("ociVersion", state.OciVersion);
        json.WriteString("id", state.Id);
        json.WriteString("status", NameOf(state.Status));
        if (state.Pid != 0)
        {
            json.WriteNumber("pid", state.Pid);
        }
        json.WriteString("bundle", state.Bundle);
        RuntimeSpecWriter.TextMap(json, "annotations", state.Annotations);
        json.WriteEndObject();
    }

    private static void Require<T>(ref JsonCursor json, T? value, string name)
    {
        if (value is null)
        {
            json.ReportMissing(name);
        }
    }
}
