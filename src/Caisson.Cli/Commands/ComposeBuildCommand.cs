using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose build</c></summary>
internal sealed class ComposeBuildCommand : ComposeCommand
{
    private readonly ListOption<string> _argument;
    private readonly SwitchOption _noCache, _pull, _push, _quiet, _dependencies;

    public ComposeBuildCommand()
    {
        _argument = List("build-arg", "Set build-time variables for services", kind: "stringArray");
        _noCache = Switch("no-cache", "Do not use cache when building the image");
        _pull = Switch("pull", "Always attempt to pull a newer version of the image");
        _push = Switch("push", "Push service images");
        _quiet = Switch("quiet", "Suppress the build output", 'q');
        _dependencies = Switch("with-dependencies", "Also build dependencies (transitively)");
    }

    public override IReadOnlyList<string> Examples => ["compose build", "compose build --no-cache web"];

    protected override int RunCompose(Session session)
    {
        if (_push.Value)
        {
            throw new UsageException("--push is not supported: build, then 'caisson push' the images");
        }
        int built = ServiceBuilds.Build(session, Load(session, Arguments), Arguments, new ServiceBuilds.Options
        {
            NoCache = _noCache.Value,
            Pull = _pull.Value,
            Quiet = _quiet.Value,
            WithDependencies = _dependencies.Value,
            Arguments = _argument.Values,
        });
        if (built == 0)
        {
            session.Error.WriteLine("No services to build");
        }
        return 0;
    }
}
