using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Errors;

namespace Caisson.Control.Volumes;

/// <summary>Snapshots and clones of volumes, whole although containers use them.</summary>
/// <remarks>
/// While files are copied, the containers that have the volume are held: they neither start nor end by our hand, and those that run and may
/// write are frozen (cgroup freezer), so a copy is what a disk would hold at one moment. Where the file system shares blocks (FICLONE) that is
/// short. An engine that dies meanwhile leaves a note, and the next one lets them go on.
/// </remarks>
public sealed class VolumeCopies(ContainerEngine engine)
{
    private ContainerVolumes Volumes => engine.Services.Volumes;

    /// <summary>Keeps a copy of what a volume holds now.</summary>
    /// <param name="volume">Its name.</param>
    /// <param name="snapshot">The copy's name.</param>
    /// <param name="live">Containers go on meanwhile: files that they change may be caught between two states.</param>
    /// <param name="cancellationToken">Stops; nothing is left then.</param>
    public async Task<VolumeSnapshot> SnapshotAsync(string volume, string snapshot, bool live, CancellationToken cancellationToken)
    {
        await using Holds holds = await HoldAsync(volume, freeze: !live, cancellationToken);
        return await Task.Run(() => Volumes.Snapshot(volume, snapshot, cancellationToken), cancellationToken);
    }

    /// <summary>Makes a new volume with what another holds, or one of its snapshots.</summary>
    /// <param name="volume">The other's name.</param>
    /// <param name="snapshot">One of its snapshots; null for what it holds now.</param>
    /// <param name="asked">The new volume's name and labels.</param>
    /// <param name="live">As for <see cref="SnapshotAsync"/>.</param>
    /// <param name="cancellationToken">Stops; nothing is left then.</param>
    /// <returns>The new volume, and how it was copied.</returns>
    public async Task<(VolumeRecord Volume, string Method)> CloneAsync(
        string volume, string? snapshot, VolumeCreate asked, bool live, CancellationToken cancellationToken)
    {
        await using Holds holds = snapshot is null ? await HoldAsync(volume, freeze: !live, cancellationToken) : new Holds([]);
        return await Task.Run(() => Volumes.Clone(volume, snapshot, asked, cancellationToken), cancellationToken);
    }

    /// <summary>Puts a volume back to a snapshot; what it holds now is lost.</summary>
    /// <returns>How it was copied.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Conflict"/>: a container that has it runs.</exception>
    public async Task<string> RestoreAsync(string volume, string snapshot, CancellationToken cancellationToken)
    {
        await using Holds holds = await HoldAsync(volume, freeze: false, cancellationToken);
        string[] running = [.. Owners(volume).Where(owner => owner.Status.HasProcess).Select(owner => owner.Record.Name)];
        if (running.Length > 0)
        {
            throw new CaissonException(ErrorKind.Conflict, $"volume {volume} is in use by running containers ({string.Join(", ", running)}); stop them before it is restored");
        }
        return await Task.Run(() => Volumes.Restore(volume, snapshot, cancellationToken), cancellationToken);
    }

    /// <summary>In the order of ids, so that two copies never wait for each other.</summary>
    private async Task<Holds> HoldAsync(string volume, bool freeze, CancellationToken cancellationToken)
    {
        _ = Volumes.Find(volume);
        var holds = new Holds([]);
        try
        {
            foreach (Workload owner in Owners(volume))
            {
                bool writes = owner.Record.AllMounts.Any(mount => mount.Type == "volume" && mount.Volume == volume && !mount.ReadOnly);
                try
                {
                    holds.Held.Add(await owner.HoldAsync(freeze && writes, cancellationToken));
                }
                catch (CaissonException error) when (error.Kind is ErrorKind.NotFound)
                {
                    // It was removed meanwhile.
                }
            }
            return holds;
        }
        catch
        {
            await holds.DisposeAsync();
            throw;
        }
    }

    private IEnumerable<Workload> Owners(string volume)
    {
        HashSet<string> ids = [.. Volumes.OwnersOf(volume)];
        return [.. engine.List().Where(workload => ids.Contains(workload.Id)).OrderBy(workload => workload.Id, StringComparer.Ordinal)];
    }

    private sealed record Holds(List<IAsyncDisposable> Held) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            for (int i = Held.Count - 1; i >= 0; i--)
            {
                await Held[i].DisposeAsync();
            }
        }
    }
}
