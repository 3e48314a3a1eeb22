using System.Text.Json;

namespace Caisson.Client.Containers;

/// <summary>What is portable about a container: its process and its labels.</summary>
/// <remarks>Names and meanings as in the Docker Engine API, <c>ContainerConfig</c>. What is not set is not sent.</remarks>
public sealed class ContainerConfig
{
    /// <summary>Name or id of the image.</summary>
    public string Image { get; set; } = "";

    /// <summary>Host name inside; empty: the engine chooses.</summary>
    public string Hostname { get; set; } = "";

    /// <summary>NIS domain name inside.</summary>
    public string Domainname { get; set; } = "";

    /// <summary><c>user[:group]</c> by name or number; empty: the image's.</summary>
    public string User { get; set; } = "";

    /// <summary>Directory the process starts in; empty: the image's.</summary>
    public string WorkingDir { get; set; } = "";

    /// <summary>Connect standard input of an attached client.</summary>
    public bool AttachStdin { get; set; }

    /// <summary>Connect standard output of an attached client.</summary>
    public bool AttachStdout { get; set; }

    /// <summary>Connect standard error of an attached client.</summary>
    public bool AttachStderr { get; set; }

    /// <summary>Keep standard input open without a client.</summary>
    public bool OpenStdin { get; set; }

    /// <summary>Close standard input when the first client leaves.</summary>
    public bool StdinOnce { get; set; }

    /// <summary>Give the process a terminal.</summary>
    public bool Tty { get; set; }

    /// <summary><c>NAME=value</c> in order.</summary>
    public List<string> Env { get; } = [];

    /// <summary>Arguments; null: the image's.</summary>
    public IReadOnlyList<string>? Cmd { get; set; }

    /// <summary>Program and first arguments; null: the image's. One empty string clears it.</summary>
    public IReadOnlyList<string>? Entrypoint { get; set; }

    /// <summary>Paths of anonymous volumes.</summary>
    public HashSet<string> Volumes { get; } = [];

    /// <summary><c>80/tcp</c> and the like.</summary>
    public SortedSet<string> ExposedPorts { get; } = new(StringComparer.Ordinal);

    /// <summary>Labels by name.</summary>
    public SortedDictionary<string, string> Labels { get; } = new(StringComparer.Ordinal);

    /// <summary>Name or number of the signal that asks the process to end; empty: the image's or SIGTERM.</summary>
    public string StopSignal { get; set; } = "";

    /// <summary>Seconds between that signal and SIGKILL; null: the engine's default.</summary>
    public int? StopTimeout { get; set; }

    /// <summary>How the container's health is checked; null: as the image says.</summary>
    public HealthcheckConfig? Healthcheck { get; set; }

    internal void WriteTo(Utf8JsonWriter json)
    {
        json.Text(nameof(Hostname), Hostname);
        json.Text(nameof(Domainname), Domainname);
        json.Text(nameof(User), User);
        json.WriteBoolean(nameof(AttachStdin), AttachStdin);
        json.WriteBoolean(nameof(AttachStdout), AttachStdout);
        json.WriteBoolean(nameof(AttachStderr), AttachStderr);
        json.Flag(nameof(Tty), Tty);
        json.Flag(nameof(OpenStdin), OpenStdin);
        json.Flag(nameof(StdinOnce), StdinOnce);
        if (Env.Count > 0)
        {
            json.Texts(nameof(Env), Env);
        }
        json.Texts(nameof(Cmd), Cmd);
        json.WriteString(nameof(Image), Image);
        json.TextSet(nameof(Volumes), Volumes);
        json.Text(nameof(WorkingDir), WorkingDir);
        json.Texts(nameof(Entrypoint), Entrypoint);
        json.TextMap(nameof(Labels), Labels);
        json.TextSet(nameof(ExposedPorts), ExposedPorts);
        json.Text(nameof(StopSignal), StopSignal);
        json.Number(nameof(StopTimeout), StopTimeout);
        Healthcheck?.WriteTo(json);
    }
}
