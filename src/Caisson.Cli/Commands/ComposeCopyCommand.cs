using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose cp</c>: finds the containers, the rest is <see cref="CopyCommand"/>.</summary>
internal sealed class ComposeCopyCommand : ComposeCommand
{
    private readonly SwitchOption _all, _archive, _followLink;
    private readonly ValueOption<long> _index;

    public ComposeCopyCommand()
    {
        _all = Switch("all", "Include containers created by the run command");
        _archive = Switch("archive", "Archive mode (copy all uid/gid information)", 'a');
        _followLink = Switch("follow-link", "Always follow symbol link in SRC_PATH", 'L');
        _index = Number("index", "Index of the container if service has multiple replicas");
    }

    public override string Usage => "[OPTIONS] SERVICE:SRC_PATH DEST_PATH|-\n[OPTIONS] SRC_PATH|- SERVICE:DEST_PATH";

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override IReadOnlyList<string> Examples => ["compose cp web:/etc/hosts .", "compose cp site/. web:/srv/www"];

    protected override int RunCompose(Session session)
    {
        var project = LoadOrReconstruct(session);
        var (fromService, from) = CopyCommand.Split(Arguments[0]);
        var (toService, to) = CopyCommand.Split(Arguments[1]);
        if (fromService.Length > 0 == toService.Length > 0)
        {
            throw new UsageException("write SERVICE:PATH on one side and a path of this host on the other", exitCode: 1);
        }
        if (fromService.Length > 0)
        {
            return Copy(session, $"{Container(session, project.Name, fromService, _index.Value).Id}:{from}", to);
        }
        // Into every container of the service, unless one is named.
        var containers = _index.Value > 0
            ? [Container(session, project.Name, toService, _index.Value)]
            : Containers(session, project.Name, [toService], oneOff: _all.Value);
        return containers.Max(container => Copy(session, from, $"{container.Id}:{to}"));
    }

    private int Copy(Session session, string from, string to)
    {
        var copy = new CopyCommand();
        List<string> words = [.. _archive.Value ? (string[])["-a"] : [], .. _followLink.Value ? (string[])["-L"] : [], "--", from, to];
        ArgumentParser.Parse(copy, "compose cp", words.ToArray());
        return copy.Run(session);
    }
}
