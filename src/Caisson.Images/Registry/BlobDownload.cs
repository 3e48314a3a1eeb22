using Caisson.Errors;
using Caisson.Images.Store;
using Caisson.Linux;
using Caisson.Oci;

namespace Caisson.Images.Registry;

/// <summary>A blob on its way from a registry: one for each digest, however many want it; readable while it arrives.</summary>
/// <remarks>For several threads. It ends when the last who wants it lets go.</remarks>
#pragma warning disable CA1001 // a source without a timer or a linked token holds nothing that needs to be given back
internal sealed class BlobDownload
#pragma warning restore CA1001
{
    private const int BufferBytes = 256 * 1024;

    /// <summary>Having gained so much, a connection that breaks is not held against the ones before.</summary>
    private const long ForgivingBytes = 1 << 20;

    private readonly object _sync = new();
    private readonly BlobStore _blobs;
    private readonly ContentDescriptor _blob;
    private readonly CancellationTokenSource _stop = new();
    private readonly List<IProgress<ImageProgress>> _listeners = [];
    private BlobWriteStream? _writer;
    private long _available;
    private bool _whole;
    private Exception? _failure;

    public BlobDownload(BlobStore blobs, ContentDescriptor blob)
    {
        _blobs = blobs;
        _blob = blob;
    }

    /// <summary>How many want it; kept by <see cref="BlobDownloads"/>.</summary>
    public int Users { get; set; }

    /// <summary>Ends when the blob is in the store, verified; set once it is started.</summary>
    public Task Whole { get; private set; } = Task.CompletedTask;

    /// <summary>Begins.</summary>
    /// <param name="places">Where it may be had, best first.</param>
    /// <param name="slots">How many may run at once.</param>
    public void Start(IReadOnlyList<RegistryRepository> places, SemaphoreSlim slots) => Whole = Task.Run(() => RunAsync(places, slots));

    /// <summary>Tells <paramref name="progress"/>, too.</summary>
    public void Listen(IProgress<ImageProgress> progress)
    {
        lock (_sync)
        {
            _listeners.Add(progress);
        }
    }

    public void Cancel() => _stop.Cancel();

    /// <summary>Opens it from the start; a read waits for what has not come yet, and the end comes only when the whole is verified.</summary>
    public Stream OpenRead() => new ArrivingStream(this);

    private async Task RunAsync(IReadOnlyList<RegistryRepository> places, SemaphoreSlim slots)
    {
        try
        {
            await slots.WaitAsync(_stop.Token);
            try
            {
                using (BlobWriteStream writer = _blobs.CreateWriter(_blob.Digest, _blob.Size))
                {
                    lock (_sync)
                    {
                        _writer = writer;
                    }
                    await FetchAsync(writer, places);
                    Tell(ImageStage.Verifying);
                    writer.Commit(_blob.Size);
                }
                Finish(null);
            }
            finally
            {
                slots.Release();
            }
            Tell(ImageStage.Received);
        }
        catch (Exception e)
        {
            Finish(e);
            throw;
        }
    }

    private async Task FetchAsync(BlobWriteStream writer, IReadOnlyList<RegistryRepository> places)
    {
        int place = 0;
        int failures = 0;
        while (writer.Length < _blob.Size || writer.Length == 0)
        {
            long start = writer.Length;
            try
            {
                await CopyAsync(writer, places[place]);
                if (writer.Length == _blob.Size)
                {
                    return;
                }
                throw new RegistryTransientException(
                    $"blob {_blob.Digest} of {places[place].Name}: the connection ended after {writer.Length} of {_blob.Size} bytes");
            }
            catch (RegistryTransientException e)
            {
                failures = writer.Length - start >= ForgivingBytes ? 0 : failures + 1;
                if ((e.IsLasting || failures > places[place].Patience.Retries) && place + 1 < places.Count)
                {
                    (place, failures) = (place + 1, 0);
                    continue;
                }
                if (e.IsLasting || failures > places[place].Patience.Retries)
                {
                    throw;
                }
                await places[place].DelayAsync(e, Math.Max(0, failures - 1), _stop.Token);
            }
            catch (CaissonException) when (place + 1 < places.Count && writer.Length < _blob.Size)
            {
                // What one mirror does not have or may not give, the next may; all of it is verified in the end.
                (place, failures) = (place + 1, 0);
            }
        }
    }

    private async Task CopyAsync(BlobWriteStream writer, RegistryRepository from)
    {
        using BlobBody body = await from.OpenBlobAsync(_blob, writer.Length, _stop.Token);
        using var reader = new PatientReader(body.Stream, from.Patience, body.Subject);
        byte[] buffer = System.Buffers.ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            long skip = body.SkipBytes;
            int read;
            while ((read = await reader.ReadAsync(buffer.AsMemory(0, BufferBytes), _stop.Token)) > 0)
            {
                int dropped = (int)Math.Min(skip, read);
                skip -= dropped;
                if (read > dropped)
                {
                    Append(writer, buffer.AsSpan(dropped, read - dropped), body.Subject);
                }
            }
        }
        finally
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void Append(BlobWriteStream writer, ReadOnlySpan<byte> bytes, string subject)
    {
        if (bytes.Length > _blob.Size - writer.Length)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{subject}: the registry sends more than the {_blob.Size} bytes that were announced");
        }
        writer.Write(bytes);
        lock (_sync)
        {
            _available = writer.Length;
            Monitor.PulseAll(_sync);
        }
        Tell(ImageStage.Receiving);
    }

    private void Tell(ImageStage stage)
    {
        IProgress<ImageProgress>[] listeners;
        lock (_sync)
        {
            listeners = [.. _listeners];
        }
        foreach (IProgress<ImageProgress> listener in listeners)
        {
            listener.Report(new ImageProgress(stage, _blob.Digest, stage == ImageStage.Receiving ? _available : 0, _blob.Size));
        }
    }

    private void Finish(Exception? failure)
    {
        lock (_sync)
        {
            _failure = failure;
            _whole = failure is null;
            _writer = null;
            Monitor.PulseAll(_sync);
        }
    }

    /// <summary>Reads at <paramref name="position"/> what has come, or waits for it; false when the blob is in the store, to be read there.</summary>
    private bool TryRead(Span<byte> buffer, long position, out int read)
    {
        read = 0;
        BlobWriteStream writer;
        int length;
        lock (_sync)
        {
            while (_failure is null && !_whole && _available <= position)
            {
                Monitor.Wait(_sync);
            }
            if (_failure is not null)
            {
                throw _failure is CaissonException known
                    ? known
                    : new CaissonException(ErrorKind.Cancelled, $"blob {_blob.Digest}: nobody waits for it any more", _failure);
            }
            if (_whole)
            {
                return false;
            }
            writer = _writer!;
            length = (int)Math.Min(buffer.Length, _available - position);
        }
        try
        {
            read = writer.ReadWritten(buffer[..length], position);
            return true;
        }
        catch (ObjectDisposedException)
        {
            // It is becoming whole, or fails.
            lock (_sync)
            {
                while (_failure is null && !_whole)
                {
                    Monitor.Wait(_sync);
                }
            }
            return TryRead(buffer, position, out read);
        }
    }

    private sealed class ArrivingStream(BlobDownload download) : ReadOnlyStream
    {
        private FileStream? _stored;
        private long _position;

        public override long Position
        {
            get => _position;
            set => throw new NotSupportedException();
        }

        public override int Read(Span<byte> buffer)
        {
            int read;
            if (_stored is null)
            {
                if (download.TryRead(buffer, _position, out read))
                {
                    _position += read;
                    return read;
                }
                _stored = download._blobs.OpenRead(download._blob.Digest);
                _stored.Position = _position;
            }
            read = _stored.Read(buffer);
            _position += read;
            return read;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _stored?.Dispose();
            }
            base.Dispose(disposing);
        }
    }
}

/// <summary>The blobs that are on their way: joined by whoever wants one of them, too.</summary>
internal sealed class BlobDownloads(BlobStore blobs)
{
    private readonly Lock _sync = new();
    private readonly Dictionary<Digest, BlobDownload> _running = [];

    /// <summary>Wants a blob, which somebody holds against collection; null when the store has it.</summary>
    /// <param name="blob">What it is.</param>
    /// <param name="places">Where it may be had, best first.</param>
    /// <param name="slots">How many of the same pull may arrive at once.</param>
    /// <param name="progress">Told of bytes that come.</param>
    public Share? Join(ContentDescriptor blob, IReadOnlyList<RegistryRepository> places, SemaphoreSlim slots, IProgress<ImageProgress>? progress)
    {
        lock (_sync)
        {
            if (!_running.TryGetValue(blob.Digest, out BlobDownload? download))
            {
                if (blobs.TryGetSize(blob.Digest) is not null)
                {
                    return null;
                }
                download = new BlobDownload(blobs, blob);
                _running.Add(blob.Digest, download);
            }
            bool starts = download.Users++ == 0;
            if (progress is not null)
            {
                download.Listen(progress);
            }
            if (starts)
            {
                download.Start(places, slots);
            }
            return new Share(this, blob.Digest, download);
        }
    }

    private void Leave(Digest digest, BlobDownload download)
    {
        bool last;
        lock (_sync)
        {
            last = --download.Users == 0;
            if (last)
            {
                _running.Remove(digest);
            }
        }
        if (last)
        {
            download.Cancel();
        }
    }

    /// <summary>One who wants a blob, until disposed.</summary>
    public sealed class Share(BlobDownloads owner, Digest digest, BlobDownload download) : IDisposable
    {
        private int _left;

        public BlobDownload Download => download;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _left, 1) == 0)
            {
                owner.Leave(digest, download);
            }
        }
    }
}
