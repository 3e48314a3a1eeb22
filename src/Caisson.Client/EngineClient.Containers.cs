using System.Text;
using System.Text.Json;

using Caisson.Client.Containers;
using Caisson.Client.Http;
using Caisson.Client.Streams;
using Caisson.Errors;

namespace Caisson.Client;

public sealed partial class EngineClient
{
    /// <summary>Makes a container without starting it.</summary>
    public CreatedContainer CreateContainer(ContainerCreation creation, string? name, string? platform)
    {
        ArgumentNullException.ThrowIfNull(creation);
        string query = new QueryString().Add("name", name).Add("platform", platform).ToString();
        using var response = Call("POST", "/containers/create" + query, creation.ToJson());
        using var json = response.ReadJson();
        return new(json.RootElement.Text("Id"), json.RootElement.Texts("Warnings"));
    }

    /// <summary>Starts it; already running is no error.</summary>
    public void StartContainer(string id, string? detachKeys = null) =>
        Do("POST", $"/containers/{Escape(id)}/start{new QueryString().Add("detachKeys", detachKeys)}");

    /// <summary>Connects to the streams of its first process. The caller disposes the stream.</summary>
    public HijackedStream AttachContainer(string id, AttachOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var query = new QueryString()
            .Add("detachKeys", options.DetachKeys)
            .Add("logs", options.Logs)
            .Add("stderr", options.Stderr)
            .Add("stdin", options.Stdin)
            .Add("stdout", options.Stdout)
            .Add("stream", true);
        return Upgrade($"/containers/{Escape(id)}/attach{query}", default);
    }

    /// <summary>Registers for its end; returns once the engine has.</summary>
    /// <param name="id">Id or name.</param>
    /// <param name="condition"><c>not-running</c>, <c>next-exit</c> or <c>removed</c>.</param>
    public PendingWait WaitContainer(string id, string condition) =>
        new(Call("POST", $"/containers/{Escape(id)}/wait{new QueryString().Add("condition", condition)}"));

    /// <summary>Containers, newest first.</summary>
    /// <param name="all">Also those that do not run.</param>
    /// <param name="limit">At most so many; null: all.</param>
    /// <param name="size">Count the bytes they wrote.</param>
    /// <param name="filters">Values by the filter's name.</param>
    public IReadOnlyList<ContainerSummary> ListContainers(
        bool all = false, int? limit = null, bool size = false, IReadOnlyDictionary<string, List<string>>? filters = null)
    {
        var query = new QueryString().Add("all", all).Add("limit", limit).Add("size", size).Add("filters", FormatFilters(filters));
        using var response = Call("GET", "/containers/json" + query);
        var list = new List<ContainerSummary>();
        foreach (JsonDocument item in JsonLines.ReadArray(response.Body))
        {
            using (item)
            {
                list.Add(new ContainerSummary(item.RootElement));
            }
        }
        return list;
    }

    /// <summary>Everything about one container. The caller disposes the document.</summary>
    public JsonDocument InspectContainer(string id, bool size = false)
    {
        using var response = Call("GET", $"/containers/{Escape(id)}/json{new QueryString().Add("size", size)}");
        var json = response.ReadJson();
        foreach (string member in (ReadOnlySpan<string>)["Id", "State", "Config", "HostConfig", "NetworkSettings"])
        {
            if (json.RootElement.Field(member).ValueKind != (member == "Id" ? JsonValueKind.String : JsonValueKind.Object))
            {
                json.Dispose();
                throw new CaissonException(ErrorKind.Unavailable, $"the engine's answer about container {id} lacks {member}");
            }
        }
        return json;
    }

    /// <summary>Asks it to end, then makes it. Not running is no error.</summary>
    public void StopContainer(string id, int? timeoutSeconds, string? signal) =>
        Do("POST", $"/containers/{Escape(id)}/stop{new QueryString().Add("signal", signal).Add("t", timeoutSeconds)}");

    /// <summary>Stops and starts it.</summary>
    public void RestartContainer(string id, int? timeoutSeconds, string? signal) =>
        Do("POST", $"/containers/{Escape(id)}/restart{new QueryString().Add("signal", signal).Add("t", timeoutSeconds)}");

    /// <summary>Sends a signal by name or number to its first process.</summary>
    public void KillContainer(string id, string? signal) =>
        Do("POST", $"/containers/{Escape(id)}/kill{new QueryString().Add("signal", signal)}");

    /// <summary>Freezes every process.</summary>
    public void PauseContainer(string id) => Do("POST", $"/containers/{Escape(id)}/pause");

    /// <summary>Thaws every process.</summary>
    public void UnpauseContainer(string id) => Do("POST", $"/containers/{Escape(id)}/unpause");

    /// <summary>Gives it another name.</summary>
    public void RenameContainer(string id, string name) =>
        Do("POST", $"/containers/{Escape(id)}/rename{new QueryString().Add("name", name)}");

    /// <summary>Makes an image of what it has written, on top of its image, and returns the image's id.</summary>
    /// <param name="id">Id or name.</param>
    /// <param name="repository">The image's name; empty for none.</param>
    /// <param name="tag">Its tag; empty for <c>latest</c>.</param>
    /// <param name="author">Who made it.</param>
    /// <param name="message">What it is.</param>
    /// <param name="changes">Instructions of a Dockerfile, such as <c>CMD ["/bin/sh"]</c>.</param>
    /// <param name="pause">Its processes are stopped meanwhile.</param>
    public string CommitContainer(string id, string repository, string tag, string author, string message, IReadOnlyList<string> changes, bool pause)
    {
        ArgumentNullException.ThrowIfNull(changes);
        var query = new QueryString()
            .Add("container", id).Add("repo", repository).Add("tag", tag).Add("author", author).Add("comment", message).Add("pause", pause ? "1" : "0");
        foreach (string change in changes)
        {
            query.Add("changes", change);
        }
        using var response = Call("POST", "/commit" + query);
        using var json = response.ReadJson();
        return json.RootElement.Text("Id");
    }

    /// <summary>Forgets what it has logged so far; an extension of Caisson.</summary>
    public void ClearLog(string id) => Do("DELETE", $"/caisson/containers/{Escape(id)}/logs");

    /// <summary>Removes it.</summary>
    /// <param name="id">Id or name.</param>
    /// <param name="force">Kill it first.</param>
    /// <param name="volumes">Also its anonymous volumes.</param>
    /// <param name="link">Only the link of that name.</param>
    public void RemoveContainer(string id, bool force, bool volumes, bool link = false) =>
        Do("DELETE", $"/containers/{Escape(id)}{new QueryString().Add("force", force).Add("link", link).Add("v", volumes)}");

    /// <summary>Tells its terminal how large the client's is, in characters.</summary>
    public void ResizeContainer(string id, int height, int width) =>
        Do("POST", $"/containers/{Escape(id)}/resize{new QueryString().Add("h", height).Add("w", width)}");

    /// <summary>Its log; raw for a container with a terminal, else framed. The caller disposes the response.</summary>
    public HttpResponse Logs(string id, LogOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var query = new QueryString()
            .Add("details", options.Details)
            .Add("follow", options.Follow)
            .Add("since", options.Since)
            .Add("stderr", true)
            .Add("stdout", true)
            .Add("tail", options.Tail)
            .Add("timestamps", options.Timestamps)
            .Add("until", options.Until);
        return Call("GET", $"/containers/{Escape(id)}/logs{query}");
    }

    /// <summary>Its processes, as <c>ps</c> of the host prints them with <paramref name="psArguments"/>.</summary>
    public ProcessTable Top(string id, string psArguments)
    {
        using var response = Call("GET", $"/containers/{Escape(id)}/top{new QueryString().Add("ps_args", psArguments)}");
        using var json = response.ReadJson();
        var rows = new List<IReadOnlyList<string>>();
        foreach (var row in json.RootElement.Items("Processes"))
        {
            rows.Add(row.ValueKind == JsonValueKind.Array ? [.. row.EnumerateArray().Select(cell => cell.ToString())] : []);
        }
        return new(json.RootElement.Texts("Titles"), rows);
    }

    /// <summary>Statistics: one JSON value, or one each second. The caller disposes the response.</summary>
    public HttpResponse Stats(string id, bool stream) =>
        Call("GET", $"/containers/{Escape(id)}/stats?stream={(stream ? "1" : "0")}");

    /// <summary>Paths it changed, in the engine's order.</summary>
    public IReadOnlyList<FilesystemChange> Changes(string id)
    {
        using var response = Call("GET", $"/containers/{Escape(id)}/changes");
        using var json = response.ReadJson(JsonValueKind.Array, orNull: true);
        return json.RootElement.ValueKind == JsonValueKind.Null ? [] : [.. json.RootElement.EnumerateArray().Select(item => new FilesystemChange((int)item.Number("Kind"), item.Text("Path")))];
    }

    /// <summary>Its root as a tar archive. The caller disposes the response.</summary>
    public HttpResponse Export(string id) => Call("GET", $"/containers/{Escape(id)}/export");

    /// <summary>Changes limits and restart policy; returns warnings.</summary>
    public IReadOnlyList<string> UpdateContainer(string id, HostConfig changes)
    {
        ArgumentNullException.ThrowIfNull(changes);
        using var response = Call("POST", $"/containers/{Escape(id)}/update", JsonBody.Write(changes.WriteUpdateTo));
        using var json = response.ReadJson();
        return json.RootElement.Texts("Warnings");
    }

    /// <summary>Publishes other ports from now on.</summary>
    /// <param name="id">The container.</param>
    /// <param name="ports">All that are published afterwards.</param>
    /// <param name="from">A container that gives up those of them it has, in the same moment; empty for none.</param>
    public void PublishPorts(string id, IReadOnlyDictionary<string, List<PortBinding>> ports, string from) => Do(
        "POST", $"/containers/{Escape(id)}/update", JsonBody.Write(json =>
        {
            HostConfig.WritePorts(json, ports);
            json.Text("PortTakeover", from);
        }));

    /// <summary>A path inside as a tar archive whose first entry is its last component. The caller disposes the response.</summary>
    public (ArchivePathStat Stat, HttpResponse Archive) GetArchive(string id, string path)
    {
        var response = Call("GET", $"/containers/{Escape(id)}/archive{new QueryString().Add("path", path)}");
        try
        {
            return (ParseStat(response.Head), response);
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    /// <summary>What a path inside is; null when it does not exist.</summary>
    public ArchivePathStat? StatPath(string id, string path)
    {
        var request = new HttpRequest("HEAD", $"/containers/{Escape(id)}/archive{new QueryString().Add("path", path)}");
        using var response = ExchangeRaw(request);
        return response.Head.Status switch
        {
            200 => ParseStat(response.Head),
            404 => null,
            _ => throw new EngineException(response.Head.Status, $"cannot look at {path} in container {id}"),
        };
    }

    /// <summary>Unpacks a tar archive into the directory <paramref name="path"/> inside.</summary>
    /// <param name="id">Id or name.</param>
    /// <param name="path">An existing directory.</param>
    /// <param name="writeArchive">Writes the archive.</param>
    /// <param name="copyOwners">Keep the archive's user and group ids.</param>
    public void PutArchive(string id, string path, Action<Stream> writeArchive, bool copyOwners)
    {
        var query = new QueryString()
            .Add("copyUIDGID", copyOwners)
            .Add("noOverwriteDirNonDir", "true")
            .Add("path", path);
        using var response = Exchange(new HttpRequest("PUT", $"/containers/{Escape(id)}/archive{query}")
        {
            WriteBody = writeArchive,
            ContentType = "application/x-tar",
        });
        response.ReadAll();
    }

    /// <summary>Removes every container that does not run.</summary>
    public PruneResult PruneContainers(IReadOnlyDictionary<string, List<string>> filters)
    {
        using var response = Call("POST", "/containers/prune" + new QueryString().Add("filters", FormatFilters(filters)));
        using var json = response.ReadJson();
        return new(json.RootElement.Texts("ContainersDeleted"), json.RootElement.Number("SpaceReclaimed"));
    }

    /// <summary>Prepares a process in a running container and returns its id.</summary>
    public string CreateExec(string id, ExecConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var body = JsonBody.Write(json =>
        {
            json.WriteBoolean("AttachStdin", config.AttachStdin);
            json.WriteBoolean("AttachStdout", config.AttachOutput);
            json.WriteBoolean("AttachStderr", config.AttachOutput);
            json.Flag("Tty", config.Tty);
            json.Flag("Privileged", config.Privileged);
            json.Text("User", config.User);
            json.Text("WorkingDir", config.WorkingDir);
            json.Text("DetachKeys", config.DetachKeys);
            if (config.Env.Count > 0)
            {
                json.Texts("Env", config.Env);
            }
            json.Texts("Cmd", config.Cmd);
            WriteConsoleSize(json, config.ConsoleSize);
        });
        using var response = Call("POST", $"/containers/{Escape(id)}/exec", body);
        using var answer = response.ReadJson();
        return answer.RootElement.Text("Id");
    }

    /// <summary>Runs a prepared process and connects to it. The caller disposes the stream.</summary>
    public HijackedStream StartExec(string execId, bool tty, (int Height, int Width)? consoleSize = null) =>
        Upgrade($"/exec/{Escape(execId)}/start", JsonBody.Write(json =>
        {
            json.WriteBoolean("Detach", false);
            json.WriteBoolean("Tty", tty);
            WriteConsoleSize(json, tty ? consoleSize : null);
        }));

    /// <summary>Runs a prepared process without connecting to it.</summary>
    public void StartExecDetached(string execId, bool tty) =>
        Do("POST", $"/exec/{Escape(execId)}/start", JsonBody.Write(json =>
        {
            json.WriteBoolean("Detach", true);
            json.WriteBoolean("Tty", tty);
        }));

    /// <summary>State of an exec.</summary>
    public ExecState InspectExec(string execId)
    {
        using var response = Call("GET", $"/exec/{Escape(execId)}/json");
        using var json = response.ReadJson();
        return new(json.RootElement.Truth("Running"), (int)json.RootElement.Number("ExitCode"));
    }

    /// <summary>As <see cref="ResizeContainer"/>, for an exec.</summary>
    public void ResizeExec(string execId, int height, int width) =>
        Do("POST", $"/exec/{Escape(execId)}/resize{new QueryString().Add("h", height).Add("w", width)}");

    private static void WriteConsoleSize(Utf8JsonWriter json, (int Height, int Width)? size)
    {
        if (size is { } console)
        {
            json.WriteStartArray("ConsoleSize");
            json.WriteNumberValue(console.Height);
            json.WriteNumberValue(console.Width);
            json.WriteEndArray();
        }
    }

    private static ArchivePathStat ParseStat(HttpResponseHead head)
    {
        string encoded = head["X-Docker-Container-Path-Stat"]
            ?? throw new CaissonException(ErrorKind.Unavailable, "the engine did not say what the path is");
        try
        {
            using var json = JsonDocument.Parse(Convert.FromBase64String(encoded));
            var stat = json.RootElement;
            return new(stat.Text("name"), stat.Number("size"), (uint)stat.Number("mode"), stat.Text("linkTarget"));
        }
        catch (Exception e) when (e is FormatException or JsonException)
        {
            throw new CaissonException(ErrorKind.Unavailable, "the engine's description of the path cannot be read", e);
        }
    }

    /// <summary>A user's word as one path segment: it cannot reach another resource.</summary>
    private static string Escape(string segment) => segment switch
    {
        "" or "." or ".." => throw new CaissonException(ErrorKind.InvalidArgument, $"\"{segment}\" is not a name"),
        _ => Uri.EscapeDataString(segment),
    };

    private static string? FormatFilters(IReadOnlyDictionary<string, List<string>>? filters)
    {
        if (filters is null or { Count: 0 })
        {
            return null;
        }
        var body = JsonBody.Write(json =>
        {
            foreach (var (name, values) in filters)
            {
                json.WriteStartObject(name);
                foreach (string value in values.Distinct())
                {
                    json.WriteBoolean(value, true);
                }
                json.WriteEndObject();
            }
        });
        return Encoding.UTF8.GetString(body.Span);
    }
}
