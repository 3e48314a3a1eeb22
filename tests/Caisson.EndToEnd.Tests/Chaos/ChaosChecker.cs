using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Caisson.EndToEnd.Tests.Chaos;

/// <summary>Compares what the engine says and what the machine has with the journals. Nobody else may call the engine meanwhile.</summary>
internal sealed class ChaosChecker(VictimEngine engine, Journal journal, IReadOnlyList<ChaosClient> clients)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public async Task CheckAsync(string after)
    {
        Reply reply = await engine.Http.Get("/containers/json?all=1");
        if (!reply.IsDone)
        {
            journal.Fault($"after {after}: list: {reply}");
            return;
        }
        Dictionary<string, JsonElement> listed = reply.Json.EnumerateArray().ToDictionary(item => item.GetProperty("Id").GetString()!);
        foreach (string id in journal.Removed.Where(listed.ContainsKey))
        {
            if (!await EventuallyAsync(async () => (await engine.Http.Get($"/containers/{id}/json")).Status == 404))
            {
                journal.Fault($"after {after}: container {id[..12]} is there, though it was removed: {listed[id]}");
            }
        }
        HashSet<string> known = [.. clients.SelectMany(client => client.Entries).SelectMany(entry => (string?[])[entry.Name, entry.PerhapsName]).OfType<string>()];
        foreach (JsonElement item in listed.Values)
        {
            string name = item.GetProperty("Names")[0].GetString()!.TrimStart('/');
            if (!known.Contains(name) && !journal.Removed.Contains(item.GetProperty("Id").GetString()!))
            {
                journal.Fault($"after {after}: a container that nobody asked for: {item}");
            }
        }
        foreach (Entry entry in clients.SelectMany(client => client.Entries))
        {
            await CheckAsync(entry, after);
        }
        await CheckImagesAsync(after);
        await CheckMachineAsync(after);
    }

    /// <summary>Whether <paramref name="condition"/> comes true while it is waited for; what ends by itself takes a moment.</summary>
    public static async Task<bool> EventuallyAsync(Func<Task<bool>> condition)
    {
        long start = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(start) > Patience)
            {
                return false;
            }
            await Task.Delay(10);
        }
        return true;
    }

    private async Task CheckAsync(Entry entry, string after)
    {
        if (entry.Exists != Known.Yes || entry.RemoveAsked)
        {
            return;
        }
        string id = entry.Id!;
        Reply reply = await engine.Http.Get($"/containers/{id}/json");
        if (reply.Status == 404 && entry.AutoRemove && entry.Started != Known.No)
        {
            return;
        }
        if (!reply.IsDone)
        {
            journal.Fault($"after {after}: {entry}: {reply}");
            return;
        }
        CheckConfiguration(entry, reply.Json, after);
        JsonElement state = reply.Json.GetProperty("State");
        string status = state.GetProperty("Status").GetString()!;
        if (entry.Started == Known.Yes)
        {
            bool victim = journal.IsVictim(id);
            switch (entry.Role)
            {
                case Role.Guarded when victim && status != "running":
                    if (!await EventuallyAsync(async () => await StatusAsync(id) == "running"))
                    {
                        journal.Fault($"after {after}: {entry} was not restarted: {await engine.Http.Get($"/containers/{id}/json")}");
                    }
                    break;
                case Role.Guarded or Role.Heart when status == "running":
                    CheckProcess(entry, state.GetProperty("Pid").GetInt32(), after);
                    break;
                case Role.Heart when victim:
                    CheckVictim(entry, state, after);
                    break;
                case Role.Heart or Role.Guarded:
                    journal.Fault($"after {after}: {entry} does not run: {state}");
                    break;
                case Role.Job when status == "removing" && entry.AutoRemove:
                    break;
                case Role.Job when status == "exited":
                    entry.SeenEnded = true;
                    int code = state.GetProperty("ExitCode").GetInt32();
                    if (code != entry.ExitCode && !IsVictims(entry, code))
                    {
                        journal.Fault($"after {after}: {entry} is to end with {entry.ExitCode}: {state}");
                    }
                    break;
                case Role.Job when status != "running" || entry.SeenEnded:
                    journal.Fault($"after {after}: {entry} is {status}");
                    break;
                default:
                    break;
            }
        }
    }

    private bool IsVictims(Entry entry, int code) =>
        code is Journal.EndedByEngine or Journal.EndNotSeen && (journal.IsVictim(entry.Id!) || journal.ForgiveUnknown(entry.Id!));

    private void CheckVictim(Entry entry, JsonElement state, string after)
    {
        entry.SeenEnded = true;
        if (state.GetProperty("Status").GetString() != "exited"
            || state.GetProperty("ExitCode").GetInt32() is not (Journal.EndedByEngine or Journal.EndNotSeen)
            || !state.GetProperty("Error").GetString()!.Contains("monitor", StringComparison.Ordinal))
        {
            journal.Fault($"after {after}: {entry} lost its monitor, which is not what is said: {state}");
        }
    }

    private void CheckConfiguration(Entry entry, JsonElement container, string after)
    {
        string name = container.GetProperty("Name").GetString()!.TrimStart('/');
        string? token = container.GetProperty("Config").GetProperty("Labels").GetProperty("token").GetString();
        long memory = container.GetProperty("HostConfig").GetProperty("Memory").GetInt64();
        bool isMemoryRight = memory == entry.MemoryBytes || memory == entry.PerhapsMemoryBytes;
        if (token != entry.Token || (name != entry.Name && name != entry.PerhapsName) || !isMemoryRight)
        {
            journal.Fault($"after {after}: {entry} is called {name}, has token {token} and {memory} bytes; expected {entry.Token}, {entry.MemoryBytes}");
        }
        entry.MemoryBytes = memory;
    }

    /// <summary>The same process as ever, in its own cgroup.</summary>
    private void CheckProcess(Entry entry, int pid, string after)
    {
        HostProcess? process = HostProcess.Find(pid);
        if (process is null)
        {
            if (!journal.IsVictim(entry.Id!))
            {
                journal.Fault($"after {after}: {entry} is said to run as {pid}, which does not exist");
            }
            return;
        }
        if (!process.Cgroups.Contains(entry.Id!, StringComparison.Ordinal))
        {
            journal.Fault($"after {after}: {entry}: {process} is not in its cgroup: {process.Cgroups}");
        }
        if (entry.Process is { } before && (before.Pid != pid || before.StartTime != process.StartTime) && !journal.IsVictim(entry.Id!))
        {
            journal.Fault($"after {after}: {entry} ran as {before.Pid} and runs as {pid}");
        }
        entry.Process = process;
        if (Remains.MemoryLimit(engine.CgroupName, entry.Id!) is { } limit && limit != entry.MemoryBytes)
        {
            journal.Fault($"after {after}: {entry} may use {limit} bytes instead of the {entry.MemoryBytes} that are on record");
        }
    }

    private async Task<string?> StatusAsync(string id)
    {
        Reply reply = await engine.Http.Get($"/containers/{id}/json");
        return reply.IsDone ? reply.Json.GetProperty("State").GetProperty("Status").GetString() : null;
    }

    private async Task CheckImagesAsync(string after)
    {
        Reply reply = await engine.Http.Get("/images/json");
        if (!reply.IsDone)
        {
            journal.Fault($"after {after}: images: {reply}");
            return;
        }
        HashSet<string> tags = [.. reply.Json.EnumerateArray().SelectMany(image => image.GetProperty("RepoTags").EnumerateArray()).Select(tag => tag.GetString()!)];
        foreach ((string name, Known exists) in clients.SelectMany(client => client.Images))
        {
            bool there = tags.Contains($"{name}:latest");
            if (there != (exists == Known.Yes) && exists != Known.Perhaps)
            {
                journal.Fault($"after {after}: image {name} is {(there ? "there, though it was removed" : "lost")}");
            }
        }
    }

    /// <summary>In the machine there is what belongs to running containers and nothing else.</summary>
    private async Task CheckMachineAsync(string after)
    {
        string difference = "";
        bool same = await EventuallyAsync(async () =>
        {
            Reply reply = await engine.Http.Get("/containers/json");
            HashSet<string> running = [.. reply.Json.EnumerateArray().Select(item => item.GetProperty("Id").GetString()!)];
            HashSet<string> groups = [.. Remains.CgroupsBelow(engine.CgroupName).Select(path => Path.GetFileName(path))];
            HashSet<string> directories = [.. Remains.Names($"{engine.Run}/containers")];
            difference = string.Join("; ", Differences("cgroups", running, groups).Concat(Differences("run directories", running, directories)));
            return difference.Length == 0;
        });
        if (!same)
        {
            journal.Fault($"after {after}: {difference}");
        }
    }

    private static IEnumerable<string> Differences(string what, HashSet<string> running, HashSet<string> found)
    {
        foreach (string id in running.Except(found))
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"{what}: none for {id[..12]}, which runs");
        }
        foreach (string id in found.Except(running))
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"{what}: one for {id[..Math.Min(12, id.Length)]}, which does not run");
        }
    }
}
