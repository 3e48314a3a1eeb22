using System.IO.Pipelines;

namespace Caisson.Api.Transport;

/// <summary>Tells that nothing more comes only to those who have seen all that came.</summary>
/// <remarks>
/// Kestrel ends a connection when it learns, while it reads a request, that the client has finished sending, even if the whole request is there.
/// A client that sends a request with a body and then finishes would get no answer.
/// </remarks>
internal sealed class UnhurriedReader(PipeReader inner) : PipeReader
{
    private ReadResult _read;

    // How much of what was seen to its end is still there; -1 when not all was looked at.
    private long _seen;

    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) =>
        Tell(await inner.ReadAsync(cancellationToken));

    public override bool TryRead(out ReadResult result)
    {
        bool any = inner.TryRead(out result);
        result = any ? Tell(result) : default;
        return any;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        _seen = _read.Buffer.Slice(examined).IsEmpty ? _read.Buffer.Slice(consumed).Length : -1;
        _read = default;
        inner.AdvanceTo(consumed, examined);
    }

    public override void CancelPendingRead() => inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    private ReadResult Tell(ReadResult read)
    {
        _read = read;
        // Who has seen all of it and asks again waits for more: that there is none is what it must hear.
        return new ReadResult(read.Buffer, read.IsCanceled, read.IsCompleted && read.Buffer.Length == _seen);
    }
}
