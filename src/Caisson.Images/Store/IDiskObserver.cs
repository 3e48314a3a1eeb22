namespace Caisson.Images.Store;

/// <summary>Is told what the stores do to the disk, in their order. Called from several threads.</summary>
internal interface IDiskObserver
{
    /// <summary>A directory was made; what is missing above it, too.</summary>
    void CreatedDirectory(string path);

    /// <summary>An empty file was made.</summary>
    void Created(string path);

    /// <summary>Bytes were added to the end of a file.</summary>
    void Wrote(string path, ReadOnlySpan<byte> content);

    /// <summary>What was written to a file is durable.</summary>
    void FlushedFile(string path);

    /// <summary>The names in a directory are durable.</summary>
    void FlushedDirectory(string path);

    /// <summary>Everything is durable; <paramref name="path"/> is a directory that was filled in other ways.</summary>
    void FlushedTree(string path);

    /// <summary>A file or directory got another name, in the place of what had it.</summary>
    void Renamed(string path, string target);

    /// <summary>A file, or a directory with all that is in it, was removed.</summary>
    void Removed(string path);
}
