using Caisson.Cli.CommandLine;
using Caisson.Client.Machines;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson kernel install</c></summary>
internal sealed class KernelInstallCommand : Command
{
    private readonly ValueOption<string> _architecture, _package;

    public KernelInstallCommand()
    {
        _architecture = Text("arch", "Architecture of the machines that boot it: amd64 or arm64; the host's without it");
        _package = Text("package", "Debian package with the kernel; the newest kernel for clouds without it");
    }

    public override string Usage => "[OPTIONS]";

    public override string Details =>
        "Has apt download Debian's kernel for clouds and verify it; nothing is installed on this host. What is kept is the kernel, unpacked,\n"
        + "and the few modules that machines load. The kernel installed last is what machines of its architecture boot.";

    public override IReadOnlyList<string> Examples => ["kernel install", "kernel install --arch arm64", "kernel install --package linux-image-cloud-amd64"];

    public override (int Min, int Max) ArgumentCount => (0, 0);

    public override int Run(Session session)
    {
        session.Error.WriteLine("downloading and unpacking a kernel");
        KernelSummary kernel = session.Engine.InstallKernel(_package.Value, _architecture.Value);
        session.Out.WriteLine(kernel.Release);
        return 0;
    }
}
