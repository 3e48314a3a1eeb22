using Caisson.Linux;

namespace Caisson.Images.Layers;

/// <summary>Handles of the directories an archive is working in, so that not every entry resolves its whole path anew.</summary>
internal sealed class DirectoryCache : IDisposable
{
    private const int HandlesMax = 128;

    private readonly Dictionary<string, DirectoryDescriptor> _open = new(StringComparer.Ordinal);
    private readonly Queue<string> _order = new();
    private readonly List<DirectoryDescriptor> _retired = [];

    /// <summary>The handle of <paramref name="path"/>, which stays the cache's; null when it is not held.</summary>
    public DirectoryDescriptor? Find(string path) => _open.GetValueOrDefault(path);

    /// <summary>Holds and owns <paramref name="directory"/>.</summary>
    public DirectoryDescriptor Add(string path, DirectoryDescriptor directory)
    {
        if (_open.Remove(path, out DirectoryDescriptor? old))
        {
            old.Dispose();
            _open[path] = directory;
            return directory;
        }
        while (_open.Count >= HandlesMax && _order.TryDequeue(out string? oldest))
        {
            if (_open.Remove(oldest, out DirectoryDescriptor? closed))
            {
                closed.Dispose();
            }
        }
        _open[path] = directory;
        _order.Enqueue(path);
        return directory;
    }

    /// <summary>
    /// Forgets everything, since a directory or a link was replaced and paths may lead elsewhere; <paramref name="used"/>
    /// stays open, because its user goes on with it, and is closed with the cache.
    /// </summary>
    public void ForgetAllBut(DirectoryDescriptor used)
    {
        bool mine = false;
        foreach (DirectoryDescriptor directory in _open.Values)
        {
            if (ReferenceEquals(directory, used))
            {
                mine = true;
            }
            else
            {
                directory.Dispose();
            }
        }
        _open.Clear();
        _order.Clear();
        if (mine)
        {
            _retired.Add(used);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (DirectoryDescriptor directory in _open.Values.Concat(_retired))
        {
            directory.Dispose();
        }
        _open.Clear();
        _retired.Clear();
    }
}
