using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Caisson.EndToEnd.Tests;

/// <summary>A registry that runs until disposed.</summary>
internal sealed class Served : IDisposable
{
    private readonly Process _process;

    /// <param name="program">What to run.</param>
    /// <param name="arguments">With what.</param>
    /// <param name="listen">The option for the address; null when <paramref name="arguments"/> say it.</param>
    /// <param name="port">Where it will listen; 0 for any.</param>
    public Served(string program, string[] arguments, string? listen, int port = 0)
    {
        port = port == 0 ? FreePort() : port;
        Host = $"127.0.0.1:{port}";
        string[] all = listen is null ? arguments : [.. arguments, listen, Host];
        _process = Process.Start(new ProcessStartInfo(program, all) { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true })!;
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
        for (int i = 0; i < 600; i++)
        {
            try
            {
                using var probe = new TcpClient("127.0.0.1", port);
                return;
            }
            catch (SocketException)
            {
                Thread.Sleep(50);
            }
        }
        throw new InvalidOperationException($"{program} does not listen on {Host}");
    }

    public string Host { get; }

    /// <summary>Debian's registry, which keeps no lists of referrers.</summary>
    public static Served Foreign(string home)
    {
        int port = FreePort();
        File.WriteAllText($"{home}/config.yml", $"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {home}/data\nhttp:\n  addr: 127.0.0.1:{port}\n");
        return new Served("docker-registry", ["serve", $"{home}/config.yml"], null, port);
    }

    /// <summary>Ours, with more arguments.</summary>
    public static Served Ours(Engine engine, string home, params string[] more) =>
        new(Path.Combine(engine.Binaries!, "caisson"), ["registry", "serve", "--data", $"{home}/data", .. more], "--listen");

    public static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    public void Dispose()
    {
        using (Process.Start("kill", ["-TERM", $"{_process.Id}"]))
        {
        }
        if (!_process.WaitForExit(10_000))
        {
            _process.Kill(entireProcessTree: true);
        }
        _process.Dispose();
    }
}
