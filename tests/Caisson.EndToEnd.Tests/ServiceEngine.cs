namespace Caisson.EndToEnd.Tests;

/// <summary>An engine with one image that holds three servers, made from Debian's packages.</summary>
public sealed class ServiceEngine : IDisposable
{
    public const string Image = "debian:bookworm";

    public ServiceEngine()
    {
        if (Engine.Binaries is null)
        {
            return;
        }
        // About a minute and a half, nearly all of it package installation.
        Answer made = Engine.Caisson("image", "bootstrap", Image, "--include", "nginx-light,postgresql,redis-server,curl");
        if (made.Code != 0)
        {
            Dispose();
            throw new InvalidOperationException($"image bootstrap {Image}: {made}");
        }
    }

    public Engine Engine { get; } = new();

    /// <summary>Runs <paramref name="command"/> inside until it succeeds, as a client that waits for a server does.</summary>
    public Answer Until(string container, params string[] command)
    {
        Answer last = new(-1, "", "");
        for (int i = 0; i < 300; i++)
        {
            last = Engine.Caisson(["exec", container, .. command]);
            if (last.Code == 0)
            {
                return last;
            }
            Thread.Sleep(200);
        }
        throw new TimeoutException($"{container}: {string.Join(' ', command)}: {last}{Engine.Caisson("logs", container)}");
    }

    public void Dispose() => Engine.Dispose();
}
