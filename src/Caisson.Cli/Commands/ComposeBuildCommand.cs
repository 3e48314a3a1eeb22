using Caisson.Cli.Composing;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose build</c></summary>
internal sealed class ComposeBuildCommand : ComposeCommand
{
    public ComposeBuildCommand()
    {
        List("build-arg", "Set build-time variables for services", kind: "stringArray");
        Switch("no-cache", "Do not use cache when building the image");
        Switch("pull", "Always attempt to pull a newer version of the image");
        Switch("push", "Push service images");
        Switch("quiet", "Suppress the build output", 'q');
        Switch("with-dependencies", "Also build dependencies (transitively)");
    }

    public override string Details => "Building is not available yet: this says which services ask for it, and is done when none does.";

    public override IReadOnlyList<string> Examples => ["compose build", "compose build web"];

    protected override int RunCompose(Session session)
    {
        UpArguments.RefuseBuild(Load(session, Arguments), Arguments);
        session.Error.WriteLine("No services to build");
        return 0;
    }
}
