using System.Security.Cryptography;

using Caisson.Linux;

namespace Caisson.Control.Builds;

/// <summary>A file or directory that a build copies from: of a context, an archive or another stage.</summary>
/// <remarks>Names are looked up one by one, so links never lead out of the tree. For several threads.</remarks>
internal abstract class TreeNode
{
    /// <summary>Its own name; empty for the root.</summary>
    public required string Name { get; init; }

    public required FileKind Kind { get; init; }

    public required int Mode { get; init; }

    public uint UserId { get; init; }

    public uint GroupId { get; init; }

    public FileTime Modified { get; init; }

    public long Size { get; init; }

    /// <summary>Where a symbolic link leads.</summary>
    public string Link { get; init; } = "";

    public DeviceNumber Device { get; init; }

    /// <summary>The entries of a directory, ordered by name; none for others.</summary>
    public abstract IReadOnlyList<TreeNode> Children();

    /// <summary>The entry of a name; null when there is none.</summary>
    public abstract TreeNode? Find(string name);

    /// <summary>The SHA-256 of a regular file's content.</summary>
    public abstract byte[] ContentHash();

    /// <summary>Opens a regular file's content.</summary>
    public abstract Stream Open();

    /// <summary>Writes a regular file's content to a new file.</summary>
    /// <param name="target">Empty, opened for writing.</param>
    /// <param name="buffer">For the bytes on their way.</param>
    /// <param name="cancellation">Ends the work.</param>
    public virtual void CopyContent(FileDescriptor target, byte[] buffer, CancellationToken cancellation)
    {
        using Stream content = Open();
        for (int read = content.Read(buffer); read > 0; read = content.Read(buffer))
        {
            target.Write(buffer.AsSpan(0, read));
        }
    }

    /// <summary>Writes the rest of an open file to a new one; large ones by the kernel, where it can.</summary>
    protected static void CopyContent(FileDescriptor source, long size, FileDescriptor target, byte[] buffer, CancellationToken cancellation)
    {
        if (size > 1 << 20)
        {
            source.CopyTo(target, cancellation);
            return;
        }
        for (int read = source.Read(buffer); read > 0; read = source.Read(buffer))
        {
            target.Write(buffer.AsSpan(0, read));
        }
    }

    /// <summary>Extended attributes that travel with a file.</summary>
    public virtual IReadOnlyList<(string Name, byte[] Value)> Attributes() => [];

    /// <summary>Adds everything that a copy shows of this node and what is below it; times and owners that are replaced do not count.</summary>
    /// <param name="hash">Receives it.</param>
    /// <param name="path">What it is called there.</param>
    /// <param name="ignores">What is left out, by path; null for nothing.</param>
    /// <param name="owned">Owners count.</param>
    public void AddTo(IncrementalHash hash, string path, Func<string, bool>? ignores, bool owned)
    {
        if (ignores?.Invoke(path) == true && Kind != FileKind.Directory)
        {
            return;
        }
        string owner = owned ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{UserId}:{GroupId}") : "";
        string head = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{path}\0{(int)Kind:x}\0{Mode}\0{owner}\0{Link}\0{Device}\0");
        hash.AppendData(System.Text.Encoding.UTF8.GetBytes(head));
        foreach ((string name, byte[] value) in Attributes())
        {
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes(name));
            hash.AppendData(value);
        }
        if (Kind == FileKind.Regular)
        {
            hash.AppendData(ContentHash());
        }
        foreach (TreeNode child in Children())
        {
            child.AddTo(hash, path.Length == 0 ? child.Name : $"{path}/{child.Name}", ignores, owned);
        }
    }
}
