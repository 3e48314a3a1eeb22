using System.Text.Json.Serialization;

using Caisson.Control.Json;
using Caisson.Oci;

namespace Caisson.Control.Model;

/// <summary>What is to run, in the words of the Docker Engine API, "Config". A part that is null is the image's to say.</summary>
/// <remarks>Generated readers give every member that a document leaves out its type's default, so texts turn null into empty.</remarks>
public record ContainerConfig
{
    /// <summary>The host name inside; empty for the first 12 digits of the id.</summary>
    public string Hostname { get => field ?? ""; init; } = "";

    /// <summary>The NIS domain name inside.</summary>
    public string Domainname { get => field ?? ""; init; } = "";

    /// <summary>User and group: <c>name</c>, <c>uid</c>, <c>name:group</c>, <c>uid:gid</c>; empty for the image's.</summary>
    public string User { get => field ?? ""; init; } = "";

    /// <summary>The client meant to attach stdin; told back only.</summary>
    public bool AttachStdin { get; init; }

    /// <summary>The client meant to attach stdout; told back only.</summary>
    public bool AttachStdout { get; init; }

    /// <summary>The client meant to attach stderr; told back only.</summary>
    public bool AttachStderr { get; init; }

    /// <summary>Ports the program listens on, such as <c>80/tcp</c>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    [JsonConverter(typeof(NameSetConverter))]
    public IReadOnlyList<string>? ExposedPorts { get; init; }

    /// <summary>The program gets a terminal.</summary>
    public bool Tty { get; init; }

    /// <summary>Stdin stays open for attachments.</summary>
    public bool OpenStdin { get; init; }

    /// <summary>Stdin ends when the first attachment ends it.</summary>
    public bool StdinOnce { get; init; }

    /// <summary>Environment, each <c>NAME=VALUE</c>; <c>NAME</c> alone removes the image's.</summary>
    public IReadOnlyList<string>? Env { get; init; }

    /// <summary>Arguments after the entry point, or the program when there is none.</summary>
    [JsonConverter(typeof(WordsConverter))]
    public IReadOnlyList<string>? Cmd { get; init; }

    /// <summary>How to see whether the program works.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public HealthcheckConfig? Healthcheck { get; init; }

    /// <summary>The image as the user named it.</summary>
    public string Image { get => field ?? ""; init; } = "";

    /// <summary>Paths that hold data of the container.</summary>
    [JsonConverter(typeof(NameSetConverter))]
    public IReadOnlyList<string>? Volumes { get; init; }

    /// <summary>The working directory; empty for the image's.</summary>
    public string WorkingDir { get => field ?? ""; init; } = "";

    /// <summary>The program and its first arguments; <c>[""]</c> removes the image's.</summary>
    [JsonConverter(typeof(WordsConverter))]
    public IReadOnlyList<string>? Entrypoint { get; init; }

    /// <summary>No network at all.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? NetworkDisabled { get; init; }

    /// <summary>Build instructions for images made of this container.</summary>
    public IReadOnlyList<string>? OnBuild { get; init; }

    /// <summary>Free text by key.</summary>
    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>The signal that asks the program to end; null for the image's, then SIGTERM.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? StopSignal { get; init; }

    /// <summary>Seconds between that signal and SIGKILL; null for 10, -1 for ever.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? StopTimeout { get; init; }

    /// <summary>The shell for the shell form of build instructions.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Shell { get; init; }
}
