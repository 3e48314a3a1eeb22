using System.Text.Json.Serialization;

using Caisson.Control.Json;

namespace Caisson.Control.Model;

/// <summary>A further process in a container, in the words of the Docker Engine API, "Create an exec instance".</summary>
public sealed record ExecConfig
{
    /// <summary>User and group; empty for the container's.</summary>
    public string User { get => field ?? ""; init; } = "";

    /// <summary>All capabilities.</summary>
    public bool Privileged { get; init; }

    /// <summary>The process gets a terminal.</summary>
    public bool Tty { get; init; }

    /// <summary>The terminal's first size: rows, columns.</summary>
    public IReadOnlyList<int>? ConsoleSize { get; init; }

    /// <summary>The client will attach stdin.</summary>
    public bool AttachStdin { get; init; }

    /// <summary>The client will attach stdout.</summary>
    public bool AttachStdout { get; init; }

    /// <summary>The client will attach stderr.</summary>
    public bool AttachStderr { get; init; }

    /// <summary>Keys that detach, such as <c>ctrl-p,ctrl-q</c>.</summary>
    public string DetachKeys { get => field ?? ""; init; } = "";

    /// <summary>Environment on top of the container's.</summary>
    public IReadOnlyList<string>? Env { get; init; }

    /// <summary>The working directory; empty for the container's.</summary>
    public string WorkingDir { get => field ?? ""; init; } = "";

    /// <summary>The program and its arguments.</summary>
    [JsonConverter(typeof(WordsConverter))]
    public IReadOnlyList<string>? Cmd { get; init; }
}
