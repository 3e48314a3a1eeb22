using System.Globalization;
using Caisson.Errors;

namespace Caisson.Linux;

/// <summary>Tells when a group has run out of memory. Source: cgroup-v1/memory.rst "OOM Control"; cgroup-v2.rst, memory.events.</summary>
public sealed class OomWatch : IDisposable
{
    private readonly Cgroup _cgroup;
    private readonly FileDescriptor _file;
    private readonly Eventfd? _event;

    private OomWatch(Cgroup cgroup, FileDescriptor file, Eventfd? signal) => (_cgroup, _file, _event) = (cgroup, file, signal);

    /// <summary>Watches <paramref name="cgroup"/>, which must exist.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: the host has no memory controller.</exception>
    public static OomWatch Open(Cgroup cgroup)
    {
        string directory = cgroup.DirectoryOf("memory")
            ?? throw new CaissonException(ErrorKind.FailedPrecondition, $"watch the memory of {cgroup}: the host has no memory controller");
        if (HostFiles.TryReadText($"{directory}/memory.events") is not null)
        {
            return new(cgroup, HostFiles.OpenRead($"{directory}/memory.events"), null);
        }

        var file = HostFiles.OpenRead($"{directory}/memory.oom_control");
        var signal = Eventfd.Create(nonBlocking: true);
        try
        {
            HostFiles.WriteOnce(
                $"{directory}/cgroup.event_control",
                string.Create(CultureInfo.InvariantCulture, $"{signal.DangerousGetHandle()} {file.DangerousGetHandle()}"));
            return new(cgroup, file, signal);
        }
        catch
        {
            signal.Dispose();
            file.Dispose();
            throw;
        }
    }

    /// <summary>What to poll, for <see cref="Events"/>; stays this object's.</summary>
    public Descriptor Descriptor => (Descriptor?)_event ?? _file;

    /// <summary>Which events of <see cref="Descriptor"/> mean that something happened: out of memory, or the group was removed.</summary>
    public EpollEvents Events => _event is null ? EpollEvents.Priority : EpollEvents.Readable;

    /// <summary>Takes the event away, so that the next can be waited for, and says how many processes were killed so far.</summary>
    public ulong Take()
    {
        if (_event is not null)
        {
            _event.Take();
        }
        else
        {
            Span<byte> text = stackalloc byte[512];
            _file.ReadAt(text, 0); // reading is what takes POLLPRI away
        }
        return _cgroup.ReadOomKills();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _event?.Dispose();
        _file.Dispose();
    }
}
