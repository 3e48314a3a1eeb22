using System.Diagnostics;

using Caisson.Linux;
using Xunit;

namespace Caisson.Qmp.Tests;

/// <summary>A QEMU without a machine, reached by a socket in a directory of its own.</summary>
internal sealed class Qemu : IDisposable
{
    private const string Program = "/usr/bin/qemu-system-x86_64";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _directory = Directory.CreateTempSubdirectory("qmp-").FullName;

    public Qemu()
    {
        Assert.SkipUnless(File.Exists(Program), "needs QEMU (Debian: qemu-system-x86)");
        string path = $"{_directory}/qmp";
        Process = Process.Start(new ProcessStartInfo(Program,
            ["-machine", "none", "-nodefaults", "-display", "none", "-S", "-chardev", $"socket,id=qmp,path={path},server=on,wait=off", "-mon", "chardev=qmp,mode=control"])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
        })!;
        long start = Stopwatch.GetTimestamp();
        UnixSocket? socket = null;
        while (socket is null)
        {
            try
            {
                socket = UnixSocket.Connect(path, UnixSocketKind.Stream);
            }
            catch (LinuxException) when (!Process.HasExited && Stopwatch.GetElapsedTime(start) < Patience)
            {
                Thread.Sleep(5);
            }
        }
        Client = QmpClient.Open(socket, Patience);
    }

    public Process Process { get; }

    public QmpClient Client { get; }

    public static TimeSpan Limit => Patience;

    public void Dispose()
    {
        Client.Dispose();
        Process.Kill();
        Process.WaitForExit();
        Process.Dispose();
        Directory.Delete(_directory, recursive: true);
    }
}
