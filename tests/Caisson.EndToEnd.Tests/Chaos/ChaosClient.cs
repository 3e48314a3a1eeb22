using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Caisson.EndToEnd.Tests.Chaos;

/// <summary>One user: creates, starts, enters, changes, waits for and removes containers of its own, and remembers what it was told.</summary>
internal sealed class ChaosClient(int number, EngineHttp http, Journal journal, Random random)
{
    private const int HeartsMax = 3;
    private const int JobsMax = 5;

    private readonly List<Entry> _entries = [];
    private readonly Dictionary<string, Known> _images = [];
    private int _made;

    public IReadOnlyList<Entry> Entries => _entries;

    /// <summary>References of images; <see cref="Known.No"/> is one whose removal was acknowledged.</summary>
    public IReadOnlyDictionary<string, Known> Images => _images;

    public async Task StepAsync()
    {
        if (_entries.FirstOrDefault(entry => entry.Exists == Known.Perhaps || entry.Started == Known.Perhaps || entry.RemoveAsked || entry.PerhapsName is not null || entry.PerhapsMemoryBytes is not null) is { } open)
        {
            await SettleAsync(open);
            return;
        }
        if (number == 0 && _entries.All(entry => entry.Role != Role.Guarded))
        {
            await CreateAsync(new Entry("guarded", Role.Guarded));
            return;
        }
        if (_entries.FirstOrDefault(entry => entry.Started == Known.No) is { } fresh)
        {
            await StartAsync(fresh);
            return;
        }
        Entry[] hearts = [.. _entries.Where(entry => entry.Role == Role.Heart && !entry.EndAsked && !journal.IsVictim(entry.Id!))];
        Entry[] jobs = [.. _entries.Where(entry => entry.Role == Role.Job)];
        int dice = random.Next(100);
        switch (dice)
        {
            case < 10 when _entries.Count(entry => entry.Role == Role.Heart) < HeartsMax:
                await CreateAsync(new Entry(NewName("heart"), Role.Heart));
                break;
            case < 40 when jobs.Length < JobsMax:
                await CreateAsync(new Entry(NewName("job"), Role.Job) { ExitCode = random.Next(1, 100), AutoRemove = random.Next(4) == 0 });
                break;
            case < 60 when jobs.Length > 0:
                await ReapAsync(jobs[random.Next(jobs.Length)]);
                break;
            case < 80 when hearts.Length > 0:
                await ExecAsync(hearts[random.Next(hearts.Length)]);
                break;
            case < 84 when hearts.Length > 0:
                await RenameAsync(hearts[random.Next(hearts.Length)]);
                break;
            case < 88 when hearts.Length > 0:
                await UpdateAsync(hearts[random.Next(hearts.Length)]);
                break;
            case < 92 when hearts.Length > 0:
                await RemoveAsync(hearts[random.Next(hearts.Length)]);
                break;
            case < 95 when _images.Values.Count(known => known != Known.No) < 4:
                await ImportAsync();
                break;
            case < 97 when _images.Any(image => image.Value == Known.Yes):
                await RemoveImageAsync(_images.First(image => image.Value == Known.Yes).Key);
                break;
            default:
                if (_entries.FirstOrDefault(entry => entry.Role == Role.Heart && !entry.EndAsked && entry.SeenEnded) is { } ended)
                {
                    await RemoveAsync(ended);
                }
                break;
        }
    }

    /// <summary>At the end: everything goes.</summary>
    public async Task RemoveAllAsync()
    {
        foreach (Entry entry in _entries.ToArray())
        {
            if (entry is { Role: Role.Guarded, Id: { } id } && await http.Get($"/containers/{id}/logs?stdout=1") is { IsDone: true } log
                && ContainerOutput.FirstGap(ContainerOutput.Stdout(log.Body), runs: int.MaxValue) is { } gap)
            {
                journal.Fault($"{entry}: {gap}");
            }
            Reply reply = await http.Delete($"/containers/{entry.Id ?? entry.Name}?force=1");
            if (!reply.IsDone && reply.Status != 404)
            {
                journal.Fault($"remove {entry} at the end: {reply}");
            }
        }
        _entries.Clear();
        foreach (string image in _images.Where(image => image.Value != Known.No).Select(image => image.Key))
        {
            Reply reply = await http.Delete($"/images/{image}");
            if (!reply.IsDone && reply.Status != 404)
            {
                journal.Fault($"remove image {image} at the end: {reply}");
            }
        }
        _images.Clear();
    }

    public void Forget(Entry entry)
    {
        if (entry.Id is { } id)
        {
            journal.Gone(id);
        }
        _entries.Remove(entry);
    }

    private string NewName(string role) => $"{role}-{number}-{_made++}";

    private async Task CreateAsync(Entry entry)
    {
        string program = entry.Role == Role.Job
            ? string.Create(CultureInfo.InvariantCulture, $"echo {entry.Token}; sleep 0.{random.Next(0, 4)}; exit {entry.ExitCode}")
            : $": {entry.Token}; i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done";
        entry.Exists = Known.Perhaps;
        _entries.Add(entry);
        Reply reply = await http.Post($"/containers/create?name={entry.Name}", new
        {
            Image = "busybox",
            Cmd = (string[])["sh", "-c", program],
            Labels = new Dictionary<string, string> { ["token"] = entry.Token },
            HostConfig = new
            {
                entry.AutoRemove,
                // Some are in a network, so that deaths fall into connecting and leaving one, too.
                NetworkMode = random.Next(4) == 0 ? "bridge" : "none",
                Memory = entry.MemoryBytes = 64 << 20,
                RestartPolicy = new { Name = entry.Role == Role.Guarded ? "always" : "" },
            },
        });
        if (Unknown("create", reply))
        {
            return;
        }
        if (reply.Status != 201)
        {
            Wrong($"create {entry}", reply);
            _entries.Remove(entry);
            return;
        }
        entry.Id = reply.Json.GetProperty("Id").GetString();
        entry.Exists = Known.Yes;
        journal.Count("created");
        if (random.Next(3) > 0)
        {
            await StartAsync(entry);
        }
    }

    private async Task StartAsync(Entry entry)
    {
        entry.Started = Known.Perhaps;
        Reply reply = await http.Post($"/containers/{entry.Id}/start");
        if (Unknown("start", reply))
        {
            return;
        }
        if (reply.Status is 204 or 304)
        {
            entry.Started = Known.Yes;
            journal.Count("started");
        }
        else if (journal.IsVictim(entry.Id!) || journal.ForgiveUnknown(entry.Id!) || TellsOfMonitor(reply))
        {
            journal.Count("start cost by a killed monitor");
            entry.Started = Known.No;
            if (entry.AutoRemove)
            {
                Forget(entry); // a start that fails ends an --rm container
            }
        }
        else
        {
            Wrong($"start {entry}", reply);
            entry.Started = Known.No;
        }
    }

    /// <summary>
    /// A start that was not acknowledged for this reason has cost nothing, and can be asked for again; not every victim is known by its container. The
    /// reason is that of <c>MonitorLostException</c>: the monitor, or the process itself, was killed before the program ran.
    /// </summary>
    private static bool TellsOfMonitor(Reply reply) =>
        reply.Status == 503 && reply.Text.Contains("before its program ran", StringComparison.Ordinal);

    /// <summary>What an earlier call did that had no answer.</summary>
    private async Task SettleAsync(Entry entry)
    {
        Reply reply = await http.Get($"/containers/{entry.Id ?? entry.Name}/json");
        if (reply.IsUnknown)
        {
            return;
        }
        if (reply.Status == 404)
        {
            bool mayBeGone = entry.Exists == Known.Perhaps || entry.RemoveAsked || (entry.AutoRemove && entry.Started != Known.No);
            if (!mayBeGone)
            {
                journal.Fault($"lost: {entry}");
            }
            Forget(entry);
            return;
        }
        JsonElement found = reply.Json;
        if (entry.RemoveAsked)
        {
            await RemoveAsync(entry);
            return;
        }
        entry.Id = found.GetProperty("Id").GetString();
        entry.Exists = Known.Yes;
        if (entry.PerhapsName is { } other)
        {
            string name = found.GetProperty("Name").GetString()!.TrimStart('/');
            if (name != entry.Name && name != other)
            {
                journal.Fault($"{entry} is called {name}");
            }
            entry.Name = name;
            entry.PerhapsName = null;
        }
        if (entry.PerhapsMemoryBytes is { } bytes)
        {
            long memory = found.GetProperty("HostConfig").GetProperty("Memory").GetInt64();
            if (memory != entry.MemoryBytes && memory != bytes)
            {
                journal.Fault($"{entry} has {memory} bytes; expected {entry.MemoryBytes} or {bytes}");
            }
            entry.MemoryBytes = memory;
            entry.PerhapsMemoryBytes = null;
        }
        if (entry.Started == Known.Perhaps)
        {
            entry.Started = found.GetProperty("State").GetProperty("Status").GetString() == "created" ? Known.No : Known.Yes;
        }
    }

    private async Task ReapAsync(Entry job)
    {
        string id = job.Id!;
        Reply waited = await http.Post($"/containers/{id}/wait");
        if (Unknown("wait", waited))
        {
            return;
        }
        if (waited.Status == 404 && job.AutoRemove)
        {
            Forget(job);
            return;
        }
        if (!waited.IsDone)
        {
            Wrong($"wait for {job}", waited);
            return;
        }
        int code = waited.Json.GetProperty("StatusCode").GetInt32();
        if (code != job.ExitCode && !(code is Journal.EndedByEngine or Journal.EndNotSeen && (journal.IsVictim(id) || journal.ForgiveUnknown(id))))
        {
            journal.Fault($"{job} ended with {code} instead of {job.ExitCode}: {waited.Text.Trim()}");
        }
        journal.Count("waited");
        job.SeenEnded = true;
        if (job.AutoRemove)
        {
            return; // goes by itself; the checker looks
        }
        if (code == job.ExitCode)
        {
            Reply log = await http.Get($"/containers/{id}/logs?stdout=1");
            if (log.IsDone && !journal.IsVictim(id) && ContainerOutput.Stdout(log.Body) != job.Token + "\n")
            {
                journal.Fault($"{job}: its log is '{ContainerOutput.Stdout(log.Body)}'");
            }
        }
        await RemoveAsync(job);
    }

    private async Task RemoveAsync(Entry entry)
    {
        entry.EndAsked = entry.RemoveAsked = true;
        if (entry.Role == Role.Heart)
        {
            Reply log = await http.Get($"/containers/{entry.Id}/logs?stdout=1");
            if (log.IsDone && ContainerOutput.FirstGap(ContainerOutput.Stdout(log.Body), runs: 1) is { } gap)
            {
                journal.Fault($"{entry}: {gap}");
            }
            journal.Count(log.IsDone ? "log without a gap" : "log without an answer");
        }
        Reply reply = await http.Delete($"/containers/{entry.Id}?force=1");
        if (Unknown("remove", reply))
        {
            return;
        }
        if (reply.Status is 204 or 404)
        {
            journal.Count("removed");
            Forget(entry);
        }
        else
        {
            Wrong($"remove {entry}", reply);
        }
    }

    private async Task ExecAsync(Entry heart)
    {
        int expected = random.Next(1, 100);
        string token = Guid.NewGuid().ToString("N");
        string program = string.Create(CultureInfo.InvariantCulture, $"echo {token}; sleep 0.{random.Next(0, 3)}; exit {expected}");
        Reply created = await http.Post($"/containers/{heart.Id}/exec", new { AttachStdout = true, AttachStderr = true, Cmd = (string[])["sh", "-c", program] });
        if (Unknown("exec", created))
        {
            return;
        }
        if (!created.IsDone)
        {
            if (!journal.IsVictim(heart.Id!))
            {
                Wrong($"exec in {heart}", created);
            }
            return;
        }
        string id = created.Json.GetProperty("Id").GetString()!;
        Reply started = await http.Post($"/exec/{id}/start", new { Detach = false, Tty = false });
        Reply ended = started.IsUnknown ? started : await http.Get($"/exec/{id}/json");
        if (Unknown("exec", ended) || ended.Status == 404)
        {
            return; // an engine that comes later does not know the execs of an earlier one
        }
        int? code = ended.Json.GetProperty("ExitCode") is { ValueKind: JsonValueKind.Number } number ? number.GetInt32() : null;
        string output = started.IsDone ? ContainerOutput.Stdout(started.Body) : started.ToString();
        if ((code, output) == (expected, token + "\n"))
        {
            journal.Count("executed");
        }
        else if (journal.IsVictim(heart.Id!) || journal.ForgiveExec(heart.Id!))
        {
            journal.Count("exec cost by a killed monitor");
        }
        else
        {
            journal.Fault($"exec in {heart}: code {code} instead of {expected}, output '{output}' instead of '{token}'; {ended}");
        }
    }

    private async Task RenameAsync(Entry heart)
    {
        string name = NewName("heart");
        heart.PerhapsName = name;
        Reply reply = await http.Post($"/containers/{heart.Id}/rename?name={name}");
        if (Unknown("rename", reply))
        {
            return;
        }
        heart.PerhapsName = null;
        if (!reply.IsDone)
        {
            Wrong($"rename {heart}", reply);
            return;
        }
        heart.Name = name;
        journal.Count("renamed");
    }

    /// <summary>Only the memory limit is given; the others must stay as they are.</summary>
    private async Task UpdateAsync(Entry heart)
    {
        long bytes = (long)random.Next(32, 128) << 20;
        heart.PerhapsMemoryBytes = bytes;
        Reply reply = await http.Post($"/containers/{heart.Id}/update", new { Memory = bytes });
        if (Unknown("update", reply))
        {
            return;
        }
        if (!reply.IsDone)
        {
            if (!journal.IsVictim(heart.Id!))
            {
                Wrong($"update {heart}", reply);
            }
            return;
        }
        heart.MemoryBytes = bytes;
        heart.PerhapsMemoryBytes = null;
        journal.Count("updated");
    }

    private async Task ImportAsync()
    {
        string name = NewName("chaos/image");
        byte[] archive = MakeArchive();
        _images[name] = Known.Perhaps;
        Reply reply = await http.PostBytes($"/images/create?fromSrc=-&repo={name}&tag=latest", archive);
        // The status comes before the work; the last line says how it went.
        if (Unknown("import", reply) || !reply.Text.Contains("sha256:", StringComparison.Ordinal))
        {
            if (reply.Text.Contains("error", StringComparison.Ordinal))
            {
                Wrong($"import {name}", reply);
            }
            return;
        }
        _images[name] = Known.Yes;
        journal.Count("imported");
    }

    private async Task RemoveImageAsync(string name)
    {
        _images[name] = Known.Perhaps;
        Reply reply = await http.Delete($"/images/{name}");
        if (Unknown("remove image", reply))
        {
            return;
        }
        if (!reply.IsDone)
        {
            Wrong($"remove image {name}", reply);
            return;
        }
        _images[name] = Known.No;
        journal.Count("image removed");
    }

    /// <summary>A root filesystem of a few megabytes that no other image has.</summary>
    private static byte[] MakeArchive()
    {
        using MemoryStream archive = new();
        using (System.Formats.Tar.TarWriter writer = new(archive, leaveOpen: true))
        {
            for (int i = 0; i < 3; i++)
            {
                using MemoryStream content = new(RandomNumberGenerator.GetBytes(1 << 20));
                writer.WriteEntry(new System.Formats.Tar.UstarTarEntry(System.Formats.Tar.TarEntryType.RegularFile, $"part{i}") { DataStream = content });
            }
        }
        return archive.ToArray();
    }

    private bool Unknown(string what, Reply reply)
    {
        if (reply.IsUnknown)
        {
            journal.Count($"{what} without an answer");
        }
        return reply.IsUnknown;
    }

    private void Wrong(string what, Reply reply) => journal.Fault($"{what}: {reply}");
}

/// <summary>What a container wrote, as the API gives it without a terminal: frames of stream, length, bytes.</summary>
internal static class ContainerOutput
{
    public static string Stdout(byte[] frames)
    {
        StringBuilder text = new();
        for (int at = 0; at + 8 <= frames.Length;)
        {
            int length = System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(frames.AsSpan(at + 4));
            if (frames[at] == 1)
            {
                text.Append(Encoding.UTF8.GetString(frames, at + 8, Math.Min(length, frames.Length - at - 8)));
            }
            at += 8 + length;
        }
        return text.ToString();
    }

    /// <summary>Where the counting is not 1, 2, 3…; a new run begins at 1 again.</summary>
    public static string? FirstGap(string output, int runs)
    {
        int last = 0;
        foreach (string line in output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            bool isNumber = int.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out int number);
            if (isNumber && number == 1 && runs > 0)
            {
                runs--;
            }
            else if (!isNumber || number != last + 1)
            {
                return $"its log has '{line}' after {last}";
            }
            last = number;
        }
        return null;
    }
}
