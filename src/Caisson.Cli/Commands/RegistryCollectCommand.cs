using Caisson.Cli.CommandLine;
using Caisson.Cli.Engines;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson registry gc</c>: the engine's binary does it, or asks the registry that serves the directory to.</summary>
internal sealed class RegistryCollectCommand : Command
{
    private readonly ValueOption<string> _data;
    private readonly ValueOption<string> _grace;
    private readonly SwitchOption _untagged;

    public RegistryCollectCommand()
    {
        _data = Text("data", "Directory of the registry's content", kind: "path");
        _grace = Text("gc-grace", "How long content without a manifest stays (default \"1h\")", kind: "duration");
        _untagged = Switch("gc-untagged", "Also remove manifests without a tag");
    }

    public override string Usage => "--data DIR [OPTIONS]";

    public override IReadOnlyList<string> Examples => ["registry gc --data /srv/registry", "registry gc --data /srv/registry --gc-untagged --gc-grace 0s"];

    public override string Details => "A registry that serves the directory goes on: it is asked to do it by its own settings.";

    public override int Run(Session session)
    {
        List<string> arguments = ["registry", "gc", "--data", _data.Value];
        if (_grace.Value.Length > 0)
        {
            arguments.AddRange(["--gc-grace", _grace.Value]);
        }
        if (_untagged.Value)
        {
            arguments.Add("--gc-untagged");
        }
        session.Flush();
        return EngineTool.Run(session.Variable, arguments);
    }
}
