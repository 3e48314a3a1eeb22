using Caisson.Oci;

namespace Caisson.Images.Store;

/// <summary>What is in use by work under way, so that garbage collection leaves it alone.</summary>
/// <remarks>Digests of blobs and chain ids of layers alike. For several threads.</remarks>
internal sealed class ContentLeases
{
    private readonly Lock _sync = new();
    private readonly Dictionary<Digest, int> _held = [];
    private int _open;

    /// <summary>Starts a lease; the caller disposes it when what it made is recorded elsewhere.</summary>
    public Lease Open()
    {
        lock (_sync)
        {
            _open++;
        }
        return new Lease(this);
    }

    /// <summary>Runs <paramref name="remove"/> for each of <paramref name="candidates"/> that no lease holds, while none can be taken.</summary>
    /// <returns>How many it removed.</returns>
    public int RemoveUnless(IEnumerable<Digest> candidates, Func<Digest, bool> remove)
    {
        int removed = 0;
        foreach (Digest candidate in candidates)
        {
            lock (_sync)
            {
                if (!_held.ContainsKey(candidate) && remove(candidate))
                {
                    removed++;
                }
            }
        }
        return removed;
    }

    /// <summary>True while work is under way whose content may not be known yet.</summary>
    public bool AnyOpen
    {
        get
        {
            lock (_sync)
            {
                return _open > 0;
            }
        }
    }

    /// <summary>Holds digests until disposed.</summary>
    public sealed class Lease : IDisposable
    {
        private readonly ContentLeases _owner;
        private readonly List<Digest> _digests = [];
        private bool _disposed;

        internal Lease(ContentLeases owner) => _owner = owner;

        /// <summary>Holds <paramref name="digest"/>, whether it is there yet or not.</summary>
        public void Hold(Digest digest)
        {
            lock (_owner._sync)
            {
                _owner._held[digest] = _owner._held.GetValueOrDefault(digest) + 1;
                _digests.Add(digest);
            }
        }

        public void Dispose()
        {
            lock (_owner._sync)
            {
                if (_disposed)
                {
                    return;
                }
                _disposed = true;
                _owner._open--;
                foreach (Digest digest in _digests)
                {
                    if (--_owner._held[digest] == 0)
                    {
                        _owner._held.Remove(digest);
                    }
                }
            }
        }
    }
}
