using System.Text;
using System.Text.RegularExpressions;

using Caisson.Cli.Archives;
using Caisson.Client.Containers;
using Caisson.Documents;
using Caisson.Compose.Model;
using Caisson.Compose.Plans;
using Caisson.Compose.Running;
using Caisson.Errors;

namespace Caisson.Cli.Composing;

/// <summary>Brings changes of files into containers as the <c>develop.watch</c> rules of services say.</summary>
/// <remarks>Source: Compose Specification, "Compose Develop Specification".</remarks>
internal sealed class ProjectWatch(Session session, ComposeProject project, IReadOnlyList<string> services)
{
    /// <summary>Changes that come together are handled together: an editor saves in several steps.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(300);

    private readonly object _lock = new();
    private readonly Dictionary<Rule, HashSet<string>> _changed = [];

    /// <summary>Blocks, and brings over what changes.</summary>
    /// <exception cref="CaissonException">No service has rules, or one can only be built.</exception>
    public int Run()
    {
        var rules = Rules();
        if (rules.Count == 0)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, "none of the selected services is configured for watch, consider setting a 'develop' section");
        }
        var watchers = rules.Select(Watch).ToList();
        try
        {
            foreach (var rule in rules.Where(rule => rule.InitialSync && rule.Action.StartsWith("sync", StringComparison.Ordinal)))
            {
                Act(rule, [.. Files(rule)]);
            }
            session.Error.WriteLine("Watch enabled");
            while (true)
            {
                foreach (var (rule, paths) in Wait())
                {
                    Handle(rule, paths);
                }
            }
        }
        finally
        {
            watchers.ForEach(watcher => watcher.Dispose());
        }
    }

    private List<Rule> Rules()
    {
        var rules = new List<Rule>();
        foreach (var service in project.Services.Values.Where(service => services.Count == 0 || services.Contains(service.Name)))
        {
            foreach (var watch in service.Definition["develop"].Field("watch").Items())
            {
                rules.Add(new(service, watch));
            }
        }
        return rules;
    }

    private FileSystemWatcher Watch(Rule rule)
    {
        bool isFile = File.Exists(rule.Path);
        string directory = isFile ? Path.GetDirectoryName(rule.Path)! : rule.Path;
        if (!Directory.Exists(directory))
        {
            throw new CaissonException(ErrorKind.NotFound, $"service {rule.Service}: cannot watch {rule.Path}: no such file or directory");
        }
        var watcher = new FileSystemWatcher(directory)
        {
            IncludeSubdirectories = !isFile,
            NotifyFilter = NotifyFilters.FileName | NotifyFilters.DirectoryName | NotifyFilters.LastWrite | NotifyFilters.Attributes,
        };
        watcher.Changed += (_, e) => Note(rule, e.FullPath);
        watcher.Created += (_, e) => Note(rule, e.FullPath);
        watcher.Deleted += (_, e) => Note(rule, e.FullPath);
        watcher.Renamed += (_, e) =>
        {
            Note(rule, e.OldFullPath);
            Note(rule, e.FullPath);
        };
        watcher.Error += (_, e) => session.Error.WriteLine($"WARN: watching {rule.Path}: {e.GetException().Message}");
        watcher.EnableRaisingEvents = true;
        return watcher;
    }

    private void Note(Rule rule, string path)
    {
        if (!rule.Concerns(path))
        {
            return;
        }
        lock (_lock)
        {
            if (!_changed.TryGetValue(rule, out var paths))
            {
                _changed[rule] = paths = new(StringComparer.Ordinal);
            }
            paths.Add(path);
            Monitor.PulseAll(_lock);
        }
    }

    private List<(Rule Rule, List<string> Paths)> Wait()
    {
        lock (_lock)
        {
            while (_changed.Count == 0)
            {
                Monitor.Wait(_lock);
            }
            while (Monitor.Wait(_lock, Quiet))
            {
                // More is coming.
            }
            List<(Rule, List<string>)> changes = [.. _changed.Select(pair => (pair.Key, pair.Value.Order(StringComparer.Ordinal).ToList()))];
            _changed.Clear();
            return changes;
        }
    }

    private void Handle(Rule rule, List<string> paths)
    {
        try
        {
            Act(rule, paths);
        }
        catch (Exception e) when (e is CaissonException or IOException or UnauthorizedAccessException)
        {
            session.Error.WriteLine($"caisson: {rule.Service}: {e.Message}");
        }
    }

    private void Act(Rule rule, List<string> paths)
    {
        if (rule.Action == "rebuild")
        {
            Rebuild(rule.Service, paths);
            return;
        }
        var containers = ProjectObserver.Containers(session.Engine, project.Name).Where(container => container.Service == rule.Service && container.IsRunning && !container.IsOneOff).ToList();
        foreach (var container in containers)
        {
            if (rule.Action.StartsWith("sync", StringComparison.Ordinal))
            {
                Sync(rule, container.Id, paths);
            }
            if (rule.Action is "restart" or "sync+restart")
            {
                session.Engine.RestartContainer(container.Id, null, null);
            }
            if (rule.Action == "sync+exec" && rule.Exec is { } exec)
            {
                string id = session.Engine.CreateExec(container.Id, new ExecConfig { Cmd = exec.Texts("command"), User = exec.Text("user"), WorkingDir = exec.Text("working_dir"), Privileged = exec.Flag("privileged") });
                session.Engine.StartExecDetached(id, tty: false);
            }
        }
        session.Error.WriteLine($"{rule.Service}: {(rule.Action == "restart" ? "restarted" : $"synced {paths.Count} {(paths.Count == 1 ? "path" : "paths")}")}{(rule.Action == "sync+restart" ? " and restarted" : "")}");
    }

    /// <summary>Builds the image of a service, and puts containers of it in the place of those that run.</summary>
    private void Rebuild(string service, List<string> paths)
    {
        session.Error.WriteLine($"{service}: {paths[0]}{(paths.Count > 1 ? $" and {paths.Count - 1} more" : "")} changed, rebuilding");
        if (ServiceBuilds.Build(session, project, [service], new ServiceBuilds.Options()) == 0)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, "its rule says to rebuild, and it has no 'build' section");
        }
        using var progress = new ComposeProgress(session);
        UpArguments.Up(session, project, new UpOptions { Services = [service], NoDependencies = true }, progress);
    }

    /// <summary>Brings paths over: what is there is copied, what is not is removed.</summary>
    private void Sync(Rule rule, string container, List<string> paths)
    {
        var removed = new List<string>();
        foreach (string path in paths)
        {
            string target = rule.TargetOf(path);
            if (File.Exists(path) || Directory.Exists(path))
            {
                // From the root on, so that directories on the way are made.
                session.Engine.PutArchive(container, "/", body => TarSource.Write(path, target.TrimStart('/'), body), copyOwners: false);
            }
            else
            {
                removed.Add(target);
            }
        }
        if (removed.Count > 0)
        {
            string id = session.Engine.CreateExec(container, new ExecConfig { Cmd = ["rm", "-rf", "--", .. removed] });
            session.Engine.StartExecDetached(id, tty: false);
        }
    }

    private static IEnumerable<string> Files(Rule rule) =>
        File.Exists(rule.Path) ? [rule.Path]
        : Directory.EnumerateFiles(rule.Path, "*", SearchOption.AllDirectories).Where(rule.Concerns);

    /// <summary>One rule of a service.</summary>
    private sealed class Rule
    {
        private readonly Regex[] _ignored;
        private readonly Regex[] _included;

        public Rule(ComposeService service, DocumentNode watch)
        {
            Service = service.Name;
            Path = watch.Text("path");
            Action = watch.Text("action");
            Target = watch.Text("target");
            InitialSync = watch.Flag("initial_sync");
            Exec = watch.Field("exec");
            _ignored = [.. watch.Texts("ignore").Append(".git/").Select(Pattern)];
            _included = [.. watch.Texts("include").Select(Pattern)];
        }

        public string Service { get; }

        public string Path { get; }

        public string Action { get; }

        public string Target { get; }

        public bool InitialSync { get; }

        public DocumentNode? Exec { get; }

        public bool Concerns(string path)
        {
            if (path != Path && !path.StartsWith(Path.TrimEnd('/') + "/", StringComparison.Ordinal))
            {
                return false;
            }
            string relative = System.IO.Path.GetRelativePath(Path, path);
            string name = System.IO.Path.GetFileName(path);
            // Files that editors make and remove while they save.
            if (name.EndsWith('~') || name.EndsWith(".swp", StringComparison.Ordinal) || name.EndsWith(".swx", StringComparison.Ordinal) || name == "4913" || name.StartsWith(".#", StringComparison.Ordinal))
            {
                return false;
            }
            return !_ignored.Any(pattern => pattern.IsMatch(relative))
                && (_included.Length == 0 || Directory.Exists(path) || _included.Any(pattern => pattern.IsMatch(relative) || pattern.IsMatch(name)));
        }

        public string TargetOf(string path) => path == Path && !Target.EndsWith('/') ? Target
            : path == Path ? Target + System.IO.Path.GetFileName(path)
            : $"{Target.TrimEnd('/')}/{System.IO.Path.GetRelativePath(Path, path)}";

        /// <summary>A pattern of <c>.dockerignore</c>: <c>*</c>, <c>?</c>, <c>**</c>; a directory stands for all below it.</summary>
        private static Regex Pattern(string glob)
        {
            var text = new StringBuilder("^");
            string pattern = glob.Trim().TrimEnd('/').TrimStart('/');
            pattern = pattern.StartsWith("./", StringComparison.Ordinal) ? pattern[2..] : pattern;
            for (int i = 0; i < pattern.Length; i++)
            {
                if (pattern[i] == '*' && i + 1 < pattern.Length && pattern[i + 1] == '*')
                {
                    bool slash = i + 2 < pattern.Length && pattern[i + 2] == '/';
                    text.Append(slash ? "(.*/)?" : ".*");
                    i += slash ? 2 : 1;
                }
                else
                {
                    text.Append(pattern[i] switch { '*' => "[^/]*", '?' => "[^/]", var c => Regex.Escape(c.ToString()) });
                }
            }
            return new(text.Append("(/.*)?$").ToString(), RegexOptions.CultureInvariant);
        }
    }
}
