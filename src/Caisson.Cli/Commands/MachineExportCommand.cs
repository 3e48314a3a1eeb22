using Caisson.Cli.CommandLine;
using Caisson.Client.Machines;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine export</c></summary>
internal sealed class MachineExportCommand : MachineWorkCommand
{
    private readonly ValueOption<string> _output, _format;
    private readonly SwitchOption _decrypt;

    public MachineExportCommand()
    {
        _output = Text("output", "Path of the file (default MACHINE.ova)", 'o', kind: "path");
        _format = Text("format", "ova, or the first disk as vmdk, vhd, vhdx, raw or qcow2 (default by the file's ending)");
        _decrypt = Switch("decrypt", "Write what is encrypted so that everybody can read it");
    }

    public override string Usage => "[OPTIONS] MACHINE";

    public override string Details => "Writes a stopped machine for other hypervisors: as an OVA archive (OVF 1.1, compressed VMDK, digests of SHA-256), or its first disk alone.";

    public override IReadOnlyList<string> Examples => ["machine export deb", "machine export -o deb.vhdx deb"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override CompletionKind Completes => CompletionKind.Machines;

    protected override MachineWork Act(Session session, Action<string, double> progress)
    {
        string path = Absolute(_output.Value.Length > 0 ? _output.Value : $"{Arguments[0]}.{(_format.Value.Length > 0 ? _format.Value : "ova")}");
        string ending = Path.GetExtension(path).TrimStart('.').ToLowerInvariant();
        return session.Engine.ExportMachine(Arguments[0], path, _format.Value.Length > 0 ? _format.Value : ending.Length > 0 ? ending : "ova", _decrypt.Value, progress);
    }
}
