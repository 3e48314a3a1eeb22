using System.Collections.Immutable;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;
using Caisson.Compose.Plans;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose create</c></summary>
internal sealed class ComposeCreateCommand : ComposeCommand
{
    private readonly SwitchOption _build, _forceRecreate, _noBuild, _noRecreate, _removeOrphans;
    private readonly ListOption<KeyValuePair<string, int>> _scale;
    private readonly ValueOption<string> _pull;

    public ComposeCreateCommand()
    {
        _build = Switch("build", "Build images before starting containers");
        _forceRecreate = Switch("force-recreate", "Recreate containers even if their configuration and image haven't changed");
        _noBuild = Switch("no-build", "Don't build an image, even if it's policy");
        _noRecreate = Switch("no-recreate", "If containers already exist, don't recreate them. Incompatible with --force-recreate");
        _pull = Value("pull", "string", "Pull image before running (\"always\"|\"missing\"|\"never\")", UpArguments.Pull, "");
        Switch("quiet-pull", "Pull without printing progress information");
        _removeOrphans = Switch("remove-orphans", "Remove containers for services not defined in the Compose file");
        _scale = Values("scale", "scale", "Scale SERVICE to NUM instances. Overrides the `scale` setting in the Compose file if present", UpArguments.Scale);
        Switch("yes", "Assume \"yes\" as answer to all prompts and run non-interactively", 'y');
    }

    public override IReadOnlyList<string> Examples => ["compose create", "compose create --force-recreate web"];

    protected override int RunCompose(Session session)
    {
        var project = Load(session, Arguments);
        if (!_noBuild.Value)
        {
            ServiceBuilds.Build(session, project, Arguments, new ServiceBuilds.Options { OnlyMissing = !_build.Value, WithDependencies = true });
        }
        var options = new UpOptions
        {
            Services = [.. Arguments],
            NoStart = true,
            ForceRecreate = _forceRecreate.Value,
            NoRecreate = _noRecreate.Value,
            RemoveOrphans = _removeOrphans.Value,
            Pull = _pull.Value,
            Scale = _scale.Values.GroupBy(pair => pair.Key, StringComparer.Ordinal).ToImmutableDictionary(group => group.Key, group => group.Last().Value, StringComparer.Ordinal),
        };
        using var progress = new ComposeProgress(session);
        UpArguments.Up(session, project, options, progress);
        return 0;
    }
}
