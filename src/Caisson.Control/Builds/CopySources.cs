using System.Security.Cryptography;

using Caisson.Build.Ignore;
using Caisson.Build.Plans;
using Caisson.Errors;
using Caisson.Images.Layers;
using Caisson.Images.Layers.Tar;
using Caisson.Linux;

namespace Caisson.Control.Builds;

/// <summary>What a <c>COPY</c> or <c>ADD</c> copies: found, fetched and looked at, not copied yet.</summary>
internal sealed class CopySources(string directory, TimeProvider time) : IDisposable
{
    private readonly List<Item> _items = [];
    private readonly List<string> _files = [];
    private readonly List<IDisposable> _held = [];
    private readonly List<(string Address, Oci.Digest Digest)> _fetched = [];

    /// <summary>One thing to copy.</summary>
    /// <param name="Node">It.</param>
    /// <param name="Path">Its path in the source, for what is left out.</param>
    /// <param name="Under">Its path below the destination when directories above it are copied; null for its name alone.</param>
    /// <param name="IsArchive">It is an archive that is unpacked as it is copied; its own owners hold.</param>
    private sealed record Item(TreeNode Node, string Path, string? Under, bool IsArchive)
    {
        /// <summary>What it is called where it is copied from; not what a link there leads to.</summary>
        public string Name => Path.Length > 0 ? Path[(Path.LastIndexOf('/') + 1)..] : Node.Name;
    }

    /// <summary>Files that came from addresses.</summary>
    public IReadOnlyList<(string Address, Oci.Digest Digest)> Fetched => _fetched;

    /// <summary>Finds everything.</summary>
    public async Task GatherAsync(BuildStep.Copy step, TreeNode root, bool isContext, CancellationToken cancellation)
    {
        foreach (string source in step.Sources)
        {
            if (step.Options.IsAdd && RemoteFile.IsRepository(source))
            {
                throw new CaissonException(ErrorKind.Unimplemented, $"ADD of a repository is not supported: fetch '{source}' into the context, or clone it in a RUN step");
            }
            if (step.Options.IsAdd && RemoteFile.IsAddress(source))
            {
                await FetchAsync(step, source, cancellation);
            }
            else
            {
                Find(step, root, source, isContext);
            }
        }
        if (step.Documents.Length > 0)
        {
            ArchiveTree documents = Hold(ArchiveTree.Empty(directory));
            foreach ((string name, string content) in step.Documents)
            {
                if (name.Contains('/'))
                {
                    throw new CaissonException(ErrorKind.InvalidArgument, $"the here-document '{name}' is no name of a file");
                }
                TreeNode node = documents.AddFile(name, System.Text.Encoding.UTF8.GetBytes(content), 0x1A4, FileTime.From(time.GetUtcNow()));
                _items.Add(new Item(node, name, null, false));
            }
        }
    }

    /// <summary>What the copies will be of, times aside; an archive counts as the bytes that it is.</summary>
    public string Digest(Func<string, bool>? ignores, bool owned)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (Item item in _items)
        {
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes($"{item.Under ?? item.Name}\0{item.IsArchive}\0"));
            item.Node.AddTo(hash, item.Path, ignores, owned || item.IsArchive);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Copies everything.</summary>
    public void CopyTo(TreeCopier copier, BuildStep.Copy step, CancellationToken cancellation)
    {
        string destination = step.Destination;
        bool isDirectory = destination.EndsWith('/') || destination == "/" || _items.Count > 1 || copier.IsDirectory(destination);
        string bare = destination.TrimEnd('/');
        if (isDirectory)
        {
            copier.MakeDirectory(bare.Length == 0 ? "/" : bare);
        }
        foreach (Item found in _items)
        {
            Item item = found.IsArchive ? found with { Node = Unpack(found.Node, cancellation) } : found;
            if (item.Under is { } under)
            {
                string target = $"{bare}/{under}";
                if (item.Node.Kind == FileKind.Directory)
                {
                    copier.CopyContents(item.Node, item.Path, target);
                }
                else
                {
                    copier.CopyTo(item.Node, item.Path, target);
                }
            }
            else if (item.Node.Kind == FileKind.Directory)
            {
                copier.CopyContents(item.Node, item.Path, bare.Length == 0 ? "/" : bare);
            }
            else
            {
                copier.CopyTo(item.Node, item.Path, isDirectory ? $"{bare}/{item.Name}" : bare);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _held.ForEach(held => held.Dispose());
        _files.ForEach(File.Delete);
    }

    private T Hold<T>(T value) where T : IDisposable
    {
        _held.Add(value);
        return value;
    }

    private void Find(BuildStep.Copy step, TreeNode root, string source, bool isContext)
    {
        // With --parents, what stands in front of /./ is not part of what is copied.
        int pivot = step.Options.Parents ? source.IndexOf("/./", StringComparison.Ordinal) : -1;
        string prefix = pivot < 0 ? "" : StepPath.Join("/", source[..pivot])[1..];
        List<TreePaths.Found> found = TreePaths.Find(root, source);
        if (found.Count == 0 && !PathPattern.HasWildcards(source))
        {
            throw new CaissonException(
                ErrorKind.NotFound,
                isContext ? $"'{source}' is not in the context; .dockerignore may leave it out" : $"'{source}' is not in {step.Options.From}");
        }
        foreach ((TreeNode node, string path) in found)
        {
            string? under = !step.Options.Parents ? null : prefix.Length == 0 ? path : path.Length > prefix.Length ? path[(prefix.Length + 1)..] : "";
            bool unpacks = step.Options is { IsAdd: true, Unpack: not false } && node.Kind == FileKind.Regular && IsArchive(node);
            _items.Add(new Item(node, path, unpacks ? null : under, unpacks));
        }
    }

    private async Task FetchAsync(BuildStep.Copy step, string source, CancellationToken cancellation)
    {
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        RemoteFile.Fetched fetched = await RemoteFile.FetchAsync(source, directory, cancellation);
        _files.Add(fetched.Path);
        _fetched.Add((source, fetched.Digest));
        if (step.Options.Checksum is { } checksum && !string.Equals(checksum, fetched.Digest.ToString(), StringComparison.OrdinalIgnoreCase))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{source} is {fetched.Digest}, and --checksum says {checksum}");
        }
        string name = fetched.Name;
        if (name.Length == 0)
        {
            if (step.Destination.EndsWith('/'))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"{source} has no name of a file, and the destination is a directory; give the file's whole path");
            }
            name = step.Destination[(step.Destination.LastIndexOf('/') + 1)..];
        }
        var node = new HostFile(fetched.Path)
        {
            Name = name,
            Kind = FileKind.Regular,
            Mode = 0x180,
            Size = new FileInfo(fetched.Path).Length,
            Modified = FileTime.From(fetched.Modified ?? DateTimeOffset.UnixEpoch),
        };
        _items.Add(new Item(node, name, null, step.Options.Unpack == true && IsArchive(node)));
    }

    private TreeNode Unpack(TreeNode node, CancellationToken cancellation)
    {
        using Stream content = node.Open();
        return Hold(ArchiveTree.Read(directory, content, node.Name, keepOwners: true, null, cancellation)).Root;
    }

    /// <summary>Whether a file is a tar archive, compressed or not: told from its first entry.</summary>
    private static bool IsArchive(TreeNode node)
    {
        using Stream content = node.Open();
        return IsArchive(content, node.Name);
    }

    /// <summary>As the other form, of a stream that is read some way and closed.</summary>
    internal static bool IsArchive(Stream content, string subject)
    {
        try
        {
            using LayerStream plain = LayerStream.Open(content, TarLimits.Default, subject);
            return new TarReader(plain, TarLimits.Default, subject).Next() is not null;
        }
        catch (CaissonException error) when (error.Kind == ErrorKind.InvalidArgument)
        {
            return false;
        }
    }

    /// <summary>A file that was fetched.</summary>
    private sealed class HostFile(string path) : TreeNode
    {
        public override IReadOnlyList<TreeNode> Children() => [];

        public override TreeNode? Find(string name) => null;

        public override byte[] ContentHash()
        {
            using Stream content = Open();
            return SHA256.HashData(content);
        }

        public override Stream Open() => File.OpenRead(path);
    }
}
