using Caisson.Control.Hosting;
using Caisson.Control.Model;
using Caisson.Control.State;
using Caisson.Errors;

namespace Caisson.Control.Workloads;

public sealed partial class Workload
{
    private readonly List<PendingAttachment> _pending = [];

    /// <summary>An attachment that is asked for: connected now, or when the container starts, before its program runs.</summary>
    public sealed class PendingAttachment
    {
        private readonly TaskCompletionSource<Attachment?> _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal PendingAttachment(AttachOptions options) => Options = options;

        internal AttachOptions Options { get; }

        /// <summary>The streams; null when the container will not start. The caller disposes them.</summary>
        /// <remarks>When <paramref name="cancellationToken"/> fires first, a connection that comes later is given back at once.</remarks>
        public async Task<Attachment?> ConnectAsync(CancellationToken cancellationToken)
        {
            using CancellationTokenRegistration abandoned = cancellationToken.Register(() => _ready.TrySetCanceled(cancellationToken));
            return await _ready.Task;
        }

        internal async Task CompleteAsync(Attachment? attachment)
        {
            if (!_ready.TrySetResult(attachment) && attachment is not null)
            {
                await attachment.DisposeAsync();
            }
        }

        internal bool IsWaiting => !_ready.Task.IsCompleted;
    }

    /// <summary>Asks for the standard streams; that the first byte after the next start will be seen is certain when this returns.</summary>
    public async Task<PendingAttachment> AttachAsync(AttachOptions options, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            RequireNotRemoving();
            if (_status.Phase == ContainerPhase.Paused)
            {
                throw new CaissonException(ErrorKind.Conflict, $"container {Id} is paused, unpause the container before attach");
            }
            var pending = new PendingAttachment(options);
            if (_run is { } run)
            {
                await ConnectAsync(run.Process, pending, cancellationToken);
            }
            else
            {
                _pending.RemoveAll(other => !other.IsWaiting);
                _pending.Add(pending);
            }
            _services.Events.Commit(Durability.Process, new StateChange(), Event("attach"));
            return pending;
        }
    }

    /// <summary>Sets the size of the program's terminal.</summary>
    public ValueTask ResizeAsync(ushort rows, ushort columns, CancellationToken cancellationToken) =>
        RequireRun().Process.ResizeAsync(rows, columns, cancellationToken);

    private async Task ConnectAttachmentsUnlockedAsync(IMonitoredProcess process, CancellationToken cancellationToken)
    {
        while (_pending.Count > 0)
        {
            PendingAttachment pending = _pending[0];
            _pending.RemoveAt(0);
            if (pending.IsWaiting)
            {
                await ConnectAsync(process, pending, cancellationToken);
            }
        }
    }

    private static async Task ConnectAsync(IMonitoredProcess process, PendingAttachment pending, CancellationToken cancellationToken)
    {
        try
        {
            await pending.CompleteAsync(await process.AttachAsync(pending.Options, cancellationToken));
        }
        catch (CaissonException) when (process.Exited.IsCompleted)
        {
            await pending.CompleteAsync(null); // it ended before anybody could attach: there is nothing to read
        }
    }

    private void AbandonAttachmentsUnlocked()
    {
        foreach (PendingAttachment pending in _pending)
        {
            _ = pending.CompleteAsync(null);
        }
        _pending.Clear();
    }
}
