using System.Collections.Concurrent;
using System.Globalization;

using Caisson.Build.Instructions;
using Caisson.Linux;

namespace Caisson.Control.Builds;

/// <summary>Directories that steps keep between builds: <c>build/caches/KEY/data</c>, named by a hash of what the user called them.</summary>
/// <remarks>For several threads.</remarks>
internal sealed class CacheMounts(string root)
{
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _gates = new();

    /// <summary>A directory in use.</summary>
    public sealed class Held(string path, SemaphoreSlim? gate) : IDisposable
    {
        private SemaphoreSlim? _gate = gate;

        /// <summary>Its path on the host.</summary>
        public string Path => path;

        public void Dispose()
        {
            _gate?.Release();
            _gate = null;
        }
    }

    /// <summary>Takes the directory of a mount: for itself when it is locked or private, with others when it is shared.</summary>
    public async Task<Held> TakeAsync(RunMount mount, CancellationToken cancellation)
    {
        for (int copy = 0; ; copy++)
        {
            string key = BuildCache.KeyOf(mount.Id, copy.ToString(CultureInfo.InvariantCulture))[..32];
            string path = Make(key, mount);
            if (mount.Sharing == "shared")
            {
                return new Held(path, null);
            }
            SemaphoreSlim gate = _gates.GetOrAdd(key, _ => new SemaphoreSlim(1, 1));
            if (mount.Sharing == "locked")
            {
                await gate.WaitAsync(cancellation);
                return new Held(path, gate);
            }
            if (gate.Wait(0, cancellation))
            {
                return new Held(path, gate);
            }
        }
    }

    /// <summary>Removes all of them; no step may run.</summary>
    public void Clear()
    {
        using DirectoryDescriptor? build = Directory.Exists(root) ? HostFiles.OpenDirectory(root) : null;
        build?.RemoveTree("caches");
    }

    private string Make(string key, RunMount mount)
    {
        string path = $"{root}/caches/{key}/data";
        if (!Directory.Exists(path))
        {
            Directory.CreateDirectory($"{root}/caches/{key}", UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            Directory.CreateDirectory(path);
            using DirectoryDescriptor made = HostFiles.OpenDirectory(path);
            made.ChangeOwner(mount.UserId, mount.GroupId);
            made.ChangeMode(mount.Mode ?? 0x1ED);
        }
        return path;
    }
}
