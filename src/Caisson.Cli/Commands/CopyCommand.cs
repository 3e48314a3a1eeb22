using Caisson.Cli.Archives;
using Caisson.Cli.CommandLine;
using Caisson.Client.Containers;
using Caisson.Errors;
using Caisson.Linux.Terminals;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson cp</c></summary>
internal sealed class CopyCommand : Command
{
    private readonly SwitchOption _archive, _followLink, _quiet;

    public CopyCommand()
    {
        _archive = Switch("archive", "Archive mode (copy all uid/gid information)", 'a');
        _followLink = Switch("follow-link", "Always follow symbol link in SRC_PATH", 'L');
        _quiet = Switch("quiet", "Suppress progress output during copy", 'q');
    }

    public override string Usage => "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n[OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH";

    public override string Details => """
        Use '-' as the source to read a tar archive from stdin
        and extract it to a directory destination in a container.
        Use '-' as the destination to stream a tar archive of a
        container source to stdout.
        """;

    public override IReadOnlyList<string> Examples => ["cp web:/etc/passwd .", "cp site/. web:/srv/www"];

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override CompletionKind Completes => CompletionKind.Containers;

    public override int Run(Session session)
    {
        var (fromContainer, from) = Split(Arguments[0]);
        var (toContainer, to) = Split(Arguments[1]);
        if (fromContainer.Length > 0 && toContainer.Length > 0)
        {
            throw new UsageException("copying between containers is not supported; copy to this host first", exitCode: 1);
        }
        if (fromContainer.Length == 0 && toContainer.Length == 0)
        {
            throw new UsageException("must specify at least one container source", exitCode: 1);
        }
        if (_archive.Value && from != "-" && to != "-")
        {
            throw new CaissonException(
                ErrorKind.Unimplemented, "owners are kept only in archives: use 'caisson cp -a CONTAINER:PATH - | tar -x', or 'tar -c PATH | caisson cp -a - CONTAINER:PATH'");
        }
        if (fromContainer.Length > 0)
        {
            CopyOut(session, fromContainer, from, to);
        }
        else
        {
            CopyIn(session, from, toContainer, to);
        }
        if (!_quiet.Value && session.IsTerminal(StandardDescriptor.Error))
        {
            session.Error.WriteLine($"Successfully copied {Arguments[0]} to {Arguments[1]}");
        }
        return 0;
    }

    /// <summary>A container before the first colon, unless the word is clearly a path.</summary>
    internal static (string Container, string Path) Split(string word)
    {
        int colon = word.IndexOf(':', StringComparison.Ordinal);
        return colon <= 0 || word.StartsWith('/') || word.StartsWith('.') ? ("", word) : (word[..colon], word[(colon + 1)..]);
    }

    private void CopyOut(Session session, string container, string from, string to)
    {
        if (_followLink.Value && session.Engine.StatPath(container, from) is { IsSymbolicLink: true, LinkTarget.Length: > 0 } link)
        {
            from = link.LinkTarget;
        }
        var (stat, response) = session.Engine.GetArchive(container, from);
        using (response)
        {
            if (to == "-")
            {
                ArchiveOutput.RefuseTerminal(session, "");
                response.Body.CopyTo(session.OutputStream, 128 * 1024);
                return;
            }
            string target = TargetHere(stat, from, to);
            new TarTarget(target, warning => session.Error.WriteLine("WARNING: " + warning)).Extract(response.Body);
        }
    }

    private static string TargetHere(ArchivePathStat stat, string from, string to)
    {
        if (Directory.Exists(to))
        {
            return IsContent(from) && stat.IsDirectory ? to : Path.Combine(to, SafeName(stat.Name));
        }
        if (File.Exists(to) && stat.IsDirectory)
        {
            throw new CaissonException(ErrorKind.Conflict, $"cannot copy directory {from} to file {to}");
        }
        if (to.EndsWith('/') && !stat.IsDirectory)
        {
            throw new CaissonException(ErrorKind.NotFound, $"no such directory: {to}");
        }
        string parent = Path.GetDirectoryName(Path.GetFullPath(to.TrimEnd('/'))) ?? "/";
        return Directory.Exists(parent) ? to.TrimEnd('/') : throw new CaissonException(ErrorKind.NotFound, $"no such directory: {parent}");
    }

    private void CopyIn(Session session, string from, string container, string to)
    {
        if (from == "-")
        {
            session.Engine.PutArchive(container, to, body => session.InputStream.CopyTo(body, 64 * 1024), _archive.Value);
            return;
        }
        string source = Path.GetFullPath(from.TrimEnd('/') is { Length: > 0 } trimmed ? trimmed : "/");
        if (_followLink.Value && File.ResolveLinkTarget(source, returnFinalTarget: true) is { } resolved)
        {
            source = resolved.FullName;
        }
        bool directory = Directory.Exists(source) && new FileInfo(source).LinkTarget is null;
        if (!directory && !File.Exists(source) && new FileInfo(source).LinkTarget is null)
        {
            throw new CaissonException(ErrorKind.NotFound, $"{from}: no such file or directory");
        }
        var (parent, name) = TargetThere(session, container, to, directory, IsContent(from) ? "." : Path.GetFileName(source));
        session.Engine.PutArchive(container, parent, body => TarSource.Write(source, name, body), copyOwners: false);
    }

    private static (string Parent, string Name) TargetThere(Session session, string container, string to, bool directory, string name)
    {
        var stat = session.Engine.StatPath(container, to);
        if (stat is { IsSymbolicLink: true, LinkTarget.Length: > 0 })
        {
            to = stat.LinkTarget;
            stat = session.Engine.StatPath(container, to);
        }
        if (stat is { IsDirectory: true })
        {
            return (to, name);
        }
        if (stat is not null && directory)
        {
            throw new CaissonException(ErrorKind.Conflict, $"cannot copy a directory to the file {to}");
        }
        if (stat is null && to.EndsWith('/') && !directory)
        {
            throw new CaissonException(ErrorKind.NotFound, $"no such directory in the container: {to}");
        }
        string path = "/" + to.Trim('/');
        int slash = path.LastIndexOf('/');
        return (slash == 0 ? "/" : path[..slash], path[(slash + 1)..]);
    }

    private static bool IsContent(string path) => path.EndsWith("/.", StringComparison.Ordinal) || path == ".";

    /// <summary>A name the engine gave, as one component of a path here.</summary>
    private static string SafeName(string name) => name is "" or "." or ".." or "/" ? "" : Path.GetFileName(name.TrimEnd('/'));
}
