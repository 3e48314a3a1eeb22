namespace Caisson.Images.Registry;

/// <summary>Reads what a peer sends, and gives up on one that says nothing, or next to nothing.</summary>
internal sealed class PatientReader(Stream body, RegistryPatience patience, string subject) : IDisposable
{
    private CancellationTokenSource? _deadline;
    private long _windowStart = Environment.TickCount64;
    private long _windowBytes;

    /// <summary>The next bytes; 0 at the end.</summary>
    /// <exception cref="RegistryTransientException">The peer stalls, is too slow, or the connection broke.</exception>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellation)
    {
        if (_deadline is null || !_deadline.TryReset())
        {
            _deadline?.Dispose();
            _deadline = new CancellationTokenSource();
        }
        _deadline.CancelAfter(patience.Stall);
        try
        {
            int read;
            await using (cancellation.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _deadline))
            {
                read = await body.ReadAsync(buffer, _deadline.Token);
            }
            CheckPace(read);
            return read;
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new RegistryTransientException($"{subject}: nothing has come for {patience.Stall.TotalSeconds:0.###} seconds", e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            cancellation.ThrowIfCancellationRequested();
            throw new RegistryTransientException($"{subject}: the connection broke: {e.Message.TrimEnd('.')}", e);
        }
    }

    public void Dispose() => _deadline?.Dispose();

    private void CheckPace(int read)
    {
        _windowBytes += read;
        long elapsed = Environment.TickCount64 - _windowStart;
        if (elapsed < patience.SlowWindow.TotalMilliseconds)
        {
            return;
        }
        if (read > 0 && _windowBytes < patience.SlowestBytes)
        {
            throw new RegistryTransientException($"{subject}: only {_windowBytes} bytes came within {elapsed / 1000} seconds");
        }
        (_windowStart, _windowBytes) = (Environment.TickCount64, 0);
    }
}
