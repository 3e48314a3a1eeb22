using System.Text.Json;

using Caisson.Client.Http;
using Caisson.Client.Machines;
using Caisson.Errors;

namespace Caisson.Client;

public sealed partial class EngineClient
{
    /// <summary>Has the engine make a disk with Debian out of packages.</summary>
    /// <param name="asked">What it is made of.</param>
    /// <param name="progress">Told what is done.</param>
    /// <returns>The host path of the disk.</returns>
    public MachineWork BootstrapMachineDisk(MachineBootstrap asked, Action<string, double> progress)
    {
        ArgumentNullException.ThrowIfNull(asked);
        using var response = Call("POST", "/caisson/machines/bootstrap", JsonBody.Write(json =>
        {
            json.Text("Suite", asked.Suite);
            json.Texts("Packages", asked.Packages);
            json.Flag("CloudInit", asked.CloudInit);
            json.Flag("AllDrivers", asked.AllDrivers);
            json.Text("Mirror", asked.Mirror);
            json.Number("Bytes", asked.Bytes);
            json.Text("Path", asked.Path);
            json.Flag("Force", asked.Force);
        }));
        return Follow(response, progress);
    }

    /// <summary>Writes a stopped machine for other hypervisors.</summary>
    /// <param name="id">Id or name.</param>
    /// <param name="path">Absolute path on the engine's host.</param>
    /// <param name="format"><c>ova</c>, or a disk's format.</param>
    /// <param name="decrypt">What is encrypted may be written readable.</param>
    /// <param name="progress">Told how far it is.</param>
    public MachineWork ExportMachine(string id, string path, string format, bool decrypt, Action<string, double> progress) =>
        Work(Machine(id, "export") + new QueryString().Add("path", path).Add("format", format).Add("decrypt", decrypt), progress);

    /// <summary>Makes a machine of a package or a disk of another hypervisor; the result is its name.</summary>
    public MachineWork ImportMachine(string path, string name, Action<string, double> progress) =>
        Work("/caisson/machines/import" + new QueryString().Add("path", path).Add("name", name), progress);

    /// <summary>Backs a machine up to a directory; the result is the point's name.</summary>
    public MachineWork BackUpMachine(string id, string path, bool full, Action<string, double> progress) =>
        Work(Machine(id, "backup") + new QueryString().Add("path", path).Add("full", full), progress);

    /// <summary>Makes a machine of a backup, or only checks it; the result is the machine's name, or the point's.</summary>
    /// <param name="path">Absolute path of the directory on the engine's host.</param>
    /// <param name="point">The point's name; empty for the last.</param>
    /// <param name="name">The machine's name; empty for the one it had.</param>
    /// <param name="passphrase">Of its disks; empty where the engine knows it.</param>
    /// <param name="verify">Only check.</param>
    /// <param name="progress">Told how far it is.</param>
    public MachineWork RestoreMachineBackup(string path, string point, string name, string passphrase, bool verify, Action<string, double> progress)
    {
        using var response = Call(
            "POST", "/caisson/machines/restore" + new QueryString().Add("path", path).Add("point", point).Add("name", name).Add("verify", verify), JsonBody.Write(json => json.Text("Passphrase", passphrase)));
        return Follow(response, progress);
    }

    /// <summary>Has a machine copied to a directory again and again.</summary>
    /// <param name="id">Id or name.</param>
    /// <param name="target">Absolute path on the engine's host; null ends it.</param>
    /// <param name="everySeconds">From one copy to the next.</param>
    /// <param name="keep">At least as many points are kept.</param>
    /// <param name="isLeased">Another engine takes the machine over when this one is gone.</param>
    public void ReplicateMachine(string id, string? target, int everySeconds, int keep, bool isLeased) => Do(
        "POST", Machine(id, "replicate") + (target is null ? new QueryString().Add("stop", true) : new QueryString().Add("target", target).Add("every", everySeconds).Add("keep", keep).Add("ha", isLeased)));

    /// <summary>The machines of other engines that this one runs when theirs are gone.</summary>
    public IReadOnlyList<MachineStandby> ListStandbys()
    {
        using var response = Call("GET", "/caisson/standbys");
        using var json = response.ReadJson(JsonValueKind.Array);
        return [.. json.RootElement.EnumerateArray().Select(item => new MachineStandby(item))];
    }

    /// <summary>Has the engine run the machine of a directory with copies and a lease when its own is gone.</summary>
    /// <param name="target">Absolute path on the engine's host.</param>
    /// <param name="fence">A line of the shell that must end with 0 before; empty for none.</param>
    /// <param name="passphrase">Of encrypted disks; empty for none.</param>
    public void SetStandby(string target, string fence, string passphrase)
    {
        using var response = Call(
            "POST", "/caisson/standbys" + new QueryString().Add("target", target).Add("fence", fence), JsonBody.Write(json => json.Text("Passphrase", passphrase)));
    }

    /// <summary>No longer.</summary>
    public void EndStandby(string target) => Do("DELETE", "/caisson/standbys" + new QueryString().Add("target", target));

    /// <summary>Copies a machine now, as its replication says; the result is the last point's name.</summary>
    public MachineWork ReplicateMachineNow(string id, Action<string, double> progress) => Work(Machine(id, "replicate") + new QueryString().Add("now", true), progress);

    /// <summary>Moves a running machine to another engine.</summary>
    /// <param name="id">Id or name.</param>
    /// <param name="to"><c>unix:///…</c> or <c>ssh://…</c>.</param>
    /// <param name="downtimeMs">How long it may stand still; null for the engine's choice.</param>
    /// <param name="bandwidthMegabytes">The most megabytes of memory a second; null for no limit.</param>
    /// <param name="timeoutSeconds">How long it may take; null for the engine's choice.</param>
    /// <param name="dropSnapshots">Its snapshots are deleted with it here.</param>
    /// <param name="progress">Told how far it is.</param>
    public MachineWork MigrateMachine(string id, string to, int? downtimeMs, int? bandwidthMegabytes, int? timeoutSeconds, bool dropSnapshots, Action<string, double> progress) =>
        Work(Machine(id, "migrate") + new QueryString().Add("to", to).Add("downtime", downtimeMs).Add("bandwidth", bandwidthMegabytes).Add("timeout", timeoutSeconds).Add("dropsnapshots", dropSnapshots), progress);

    private MachineWork Work(string path, Action<string, double> progress)
    {
        using var response = Call("POST", path);
        return Follow(response, progress);
    }

    /// <summary>Reads the lines of a long work up to its result.</summary>
    private static MachineWork Follow(HttpResponse response, Action<string, double> progress)
    {
        using var reader = new StreamReader(response.Body);
        while (reader.ReadLine() is { } line)
        {
            if (line.Length == 0)
            {
                continue;
            }
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement told = document.RootElement;
            if (told.Text("Error") is { Length: > 0 } error)
            {
                throw new CaissonException(Enum.TryParse(told.Text("Kind"), out ErrorKind kind) ? kind : ErrorKind.Internal, error);
            }
            if (told.TryGetProperty("Result", out JsonElement result))
            {
                return new MachineWork(result.GetString() ?? "", [.. told.Texts("Notes")]);
            }
            progress(told.Text("Text"), told.TryGetProperty("Part", out JsonElement part) ? part.GetDouble() : -1);
        }
        throw new CaissonException(ErrorKind.Unavailable, "the engine ended before the work did");
    }
}
