using System.Runtime.ExceptionServices;

namespace Caisson.Linux;

/// <summary>A thread that makes files as the root of a user namespace, in a mount of that namespace where the host's own root has no id.</summary>
/// <remarks>
/// What it creates belongs to that root, as id maps of mounts demand (creating as anyone outside the map is EOVERFLOW). Of the host's
/// power it keeps what a root has over files: to own, to pass and to change them; no administration, no devices, no tracing. The
/// thread ends with this object, and its identity with it. Source: setfsuid(2), capabilities(7).
/// </remarks>
public sealed class FileActor : IDisposable
{
    private static readonly CapabilitySet OverFiles =
        CapabilitySet.Of(Capability.Chown, Capability.DacOverride, Capability.Fowner, Capability.Fsetid);

    private readonly object _lock = new();
    private readonly Thread _thread;
    private Action? _next;
    private ExceptionDispatchInfo? _failure;
    private bool _ended;

    /// <summary>Starts the thread.</summary>
    /// <param name="userId">The host's id of the namespace's user 0.</param>
    /// <param name="groupId">The host's id of the namespace's group 0.</param>
    public FileActor(uint userId, uint groupId)
    {
        _thread = new Thread(Work) { Name = "file-actor", IsBackground = true };
        _thread.Start();
        try
        {
            Do(() => ThreadIdentity.ActOnFilesAs(userId, groupId, OverFiles));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Runs <paramref name="action"/> on the thread and gives back what it gives; for one caller at a time.</summary>
    /// <remarks>
    /// Only calls to the kernel: whatever the action would hand to the thread pool or start could make a new thread from this one,
    /// which would keep its identity for good. Reading and writing of opened files needs no identity and is done elsewhere.
    /// </remarks>
    public T Do<T>(Func<T> action)
    {
        T result = default!;
        Do(() => { result = action(); });
        return result;
    }

    /// <summary>Runs <paramref name="action"/> on the thread; see <see cref="Do{T}"/>.</summary>
    public void Do(Action action)
    {
        ExceptionDispatchInfo? failure;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_ended, this);
            _next = action;
            Monitor.PulseAll(_lock);
            while (_next is not null)
            {
                Monitor.Wait(_lock);
            }
            failure = _failure;
        }
        failure?.Throw();
    }

    /// <summary>Ends the thread.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _ended = true;
            Monitor.PulseAll(_lock);
        }
        _thread.Join();
    }

    private void Work()
    {
        lock (_lock)
        {
            while (true)
            {
                while (_next is null)
                {
                    if (_ended)
                    {
                        return;
                    }
                    Monitor.Wait(_lock);
                }
                _failure = null;
                try
                {
                    _next();
                }
#pragma warning disable CA1031 // carried to the calling thread
                catch (Exception e)
#pragma warning restore CA1031
                {
                    _failure = ExceptionDispatchInfo.Capture(e);
                }
                _next = null;
                Monitor.PulseAll(_lock);
            }
        }
    }
}
