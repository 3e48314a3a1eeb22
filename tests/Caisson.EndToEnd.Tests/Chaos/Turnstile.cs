namespace Caisson.EndToEnd.Tests.Chaos;

/// <summary>Lets clients do one operation each at a time, or the checker alone.</summary>
internal sealed class Turnstile(int clients) : IDisposable
{
    private readonly SemaphoreSlim _places = new(clients, clients);
    private readonly SemaphoreSlim _closing = new(1, 1);

    public async Task PassAsync(Func<Task> operation)
    {
        await _closing.WaitAsync();
        await _places.WaitAsync();
        _closing.Release();
        try
        {
            await operation();
        }
        finally
        {
            _places.Release();
        }
    }

    public async Task AloneAsync(Func<Task> work)
    {
        await _closing.WaitAsync();
        for (int i = 0; i < clients; i++)
        {
            await _places.WaitAsync();
        }
        try
        {
            await work();
        }
        finally
        {
            _places.Release(clients);
            _closing.Release();
        }
    }

    public void Dispose()
    {
        _places.Dispose();
        _closing.Dispose();
    }
}
