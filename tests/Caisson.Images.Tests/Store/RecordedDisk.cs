using Caisson.Images.Store;

namespace Caisson.Images.Tests.Store;

/// <summary>A disk that remembers, and what may be left of it when the power goes.</summary>
/// <remarks>
/// What POSIX promises and no more: written bytes may be lost, cut off or zero until the file is flushed; names may be lost
/// or kept in any mixture until their directory is flushed, but a rename is whole or not there, and changes of one name keep their order.
/// </remarks>
internal sealed class RecordedDisk(string root) : IDiskObserver
{
    private readonly Lock _sync = new();
    private readonly List<Change> _changes = [];

    public bool ForgetsFlushes { get; init; }

    public int Count
    {
        get
        {
            lock (_sync)
            {
                return _changes.Count;
            }
        }
    }

    public void CreatedDirectory(string path) => Add(new Change(Kind.Directory, path));

    public void Created(string path) => Add(new Change(Kind.Create, path));

    public void Wrote(string path, ReadOnlySpan<byte> content) => Add(new Change(Kind.Write, path) { Content = content.ToArray() });

    public void FlushedFile(string path) => Add(new Change(Kind.FlushFile, path));

    public void FlushedDirectory(string path) => Add(new Change(Kind.FlushDirectory, path));

    public void FlushedTree(string path) => Add(new Change(Kind.FlushTree, path)
    {
        Files = [.. Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Select(file => (Path.GetRelativePath(path, file), File.ReadAllBytes(file)))],
    });

    public void Renamed(string path, string target) => Add(new Change(Kind.Rename, path) { Target = target });

    /// <summary>A file that is written in place, which the stores' own never are: any of its sectors may be old or new until it is flushed.</summary>
    public void Overwrote(string path, byte[] content) => Add(new Change(Kind.Overwrite, path) { Content = content });

    public void Removed(string path) => Add(new Change(Kind.Remove, path));

    /// <summary>Writes what may be left after the first <paramref name="count"/> changes.</summary>
    public void Materialise(string target, int count, Random random)
    {
        // Inode: its content, and how much of it is durable. Names: durable ones, and changes that may be lost.
        Dictionary<string, Node> durable = new(StringComparer.Ordinal) { [root] = new Node { IsDirectory = true } };
        Dictionary<string, Node> current = new(durable, StringComparer.Ordinal);
        List<Change> pending = [];
        for (int i = 0; i < count; i++)
        {
            Change change = _changes[i];
            bool forgotten = ForgetsFlushes && change.Kind is Kind.FlushFile or Kind.FlushDirectory or Kind.FlushTree;
            switch (change.Kind)
            {
                case Kind.Write when current.TryGetValue(change.Path, out Node? file):
                    file.Content.AddRange(change.Content);
                    break;
                case Kind.Overwrite when current.TryGetValue(change.Path, out Node? file):
                    file.Before ??= [.. file.Content];
                    file.Content.Clear();
                    file.Content.AddRange(change.Content);
                    break;
                case Kind.FlushFile when !forgotten && current.TryGetValue(change.Path, out Node? file):
                    file.Durable = file.Content.Count;
                    file.Before = null;
                    break;
                case Kind.FlushDirectory when !forgotten:
                    Settle(pending.Where(each => ParentIs(each.Path, change.Path) || (each.Target is { } to && ParentIs(to, change.Path))));
                    break;
                case Kind.FlushTree:
                    foreach (var (name, content) in change.Files)
                    {
                        string path = Path.Join(change.Path, name);
                        current[path] = new Node { Durable = forgotten ? 0 : content.Length };
                        current[path].Content.AddRange(content);
                        pending.Add(new Change(Kind.Create, path) { Node = current[path] });
                    }
                    if (!forgotten)
                    {
                        foreach (Node node in current.Values)
                        {
                            node.Durable = node.Content.Count;
                        }
                        Settle(pending);
                    }
                    break;
                case Kind.Directory or Kind.Create:
                    if (!current.ContainsKey(change.Path))
                    {
                        current[change.Path] = new Node { IsDirectory = change.Kind == Kind.Directory };
                        pending.Add(change with { Node = current[change.Path] });
                    }
                    break;
                case Kind.Rename or Kind.Remove:
                    Change named = change with { Node = current.GetValueOrDefault(change.Path) };
                    pending.Add(named);
                    Apply(current, named);
                    break;
            }
        }

        // Of what was not flushed, any part may have reached the disk; changes of the same name in their order.
        foreach (Change change in pending.Where(_ => random.Next(2) == 0).ToArray())
        {
            Apply(durable, change);
        }
        Write(target, durable, random);

        void Settle(IEnumerable<Change> settled)
        {
            foreach (Change change in settled.ToArray())
            {
                Apply(durable, change);
                pending.Remove(change);
            }
        }
    }

    private static bool ParentIs(string path, string directory) => Path.GetDirectoryName(path) == directory;

    /// <summary>Changes names; those of what lies in a directory move and go with it.</summary>
    private static void Apply(Dictionary<string, Node> names, Change change)
    {
        string inside = change.Path + "/";
        switch (change.Kind)
        {
            case Kind.Directory or Kind.Create:
                names[change.Path] = change.Node!;
                break;
            case Kind.Remove:
                foreach (string path in names.Keys.Where(path => path == change.Path || path.StartsWith(inside, StringComparison.Ordinal)).ToArray())
                {
                    names.Remove(path);
                }
                break;
            case Kind.Rename:
                foreach (string path in names.Keys.Where(path => path == change.Path || path.StartsWith(inside, StringComparison.Ordinal)).ToArray())
                {
                    names.Remove(path, out Node? node);
                    names[change.Target + path[change.Path.Length..]] = node!;
                }
                if (change.Node is not null)
                {
                    names[change.Target!] = change.Node; // also when the first name was never written
                }
                break;
        }
    }

    private void Write(string target, Dictionary<string, Node> names, Random random)
    {
        Directory.CreateDirectory(target);
        foreach (var (path, node) in names.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            string relative = Path.GetRelativePath(root, path);
            bool reachable = true;
            for (string? parent = Path.GetDirectoryName(path); parent is not null && parent.Length > root.Length; parent = Path.GetDirectoryName(parent))
            {
                reachable &= names.TryGetValue(parent, out Node? above) ? above.IsDirectory : parent.Contains("/fs", StringComparison.Ordinal);
            }
            if (!reachable || path.Length <= root.Length)
            {
                continue;
            }
            string place = Path.Join(target, relative);
            if (node.IsDirectory)
            {
                Directory.CreateDirectory(place);
                continue;
            }
            Directory.CreateDirectory(Path.GetDirectoryName(place)!);
            byte[] content = [.. node.Content];
            if (node.Before is { } before)
            {
                content = Torn(before, content, random);
            }
            else if (node.Durable < content.Length)
            {
                int kept = random.Next(node.Durable, content.Length + 1);
                bool zeros = random.Next(2) == 0;
                content = zeros ? [.. content[..kept], .. new byte[content.Length - kept]] : content[..kept];
            }
            File.WriteAllBytes(place, content);
        }
    }

    /// <summary>What is left of a file between two contents: any of its sectors old or new, or zero where it has grown.</summary>
    private static byte[] Torn(byte[] before, byte[] after, Random random)
    {
        const int Sector = 512;
        byte[] torn = new byte[random.Next(Math.Min(before.Length, after.Length), Math.Max(before.Length, after.Length) + 1)];
        for (int at = 0; at < torn.Length; at += Sector)
        {
            byte[] source = random.Next(2) == 0 ? before : after;
            int length = Math.Min(Sector, Math.Min(torn.Length, source.Length) - at);
            if (length > 0)
            {
                source.AsSpan(at, length).CopyTo(torn.AsSpan(at));
            }
        }
        return torn;
    }

    /// <summary>Tests beside this one have disks of their own.</summary>
    private void Add(Change change)
    {
        lock (_sync)
        {
            if (change.Path == root || change.Path.StartsWith(root + "/", StringComparison.Ordinal))
            {
                _changes.Add(change);
            }
        }
    }

    private enum Kind
    {
        Directory,
        Create,
        Write,
        Overwrite,
        FlushFile,
        FlushDirectory,
        FlushTree,
        Rename,
        Remove,
    }

    private sealed record Change(Kind Kind, string Path)
    {
        public byte[] Content { get; init; } = [];

        public (string Name, byte[] Content)[] Files { get; init; } = [];

        public string? Target { get; init; }

        public Node? Node { get; init; }
    }

    private sealed class Node
    {
        public bool IsDirectory { get; init; }

        public List<byte> Content { get; } = [];

        public int Durable { get; set; }

        /// <summary>What was durable before it was overwritten; null when it was not.</summary>
        public byte[]? Before { get; set; }
    }
}
