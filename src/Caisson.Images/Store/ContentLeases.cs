using Caisson.Oci;

namespace Caisson.Images.Store;

/// <summary>What work under way uses, so that garbage collection beside it leaves that alone.</summary>
/// <remarks>
/// Digests of blobs and chain ids of layers alike. Content is held before it is looked for or gets its name. A lease that
/// ends during a collection holds on until the collection is over, which may have listed the records too early to see what
/// the lease has recorded. For several threads.
/// </remarks>
internal sealed class ContentLeases
{
    private readonly Lock _sync = new();
    private readonly Lock _collecting = new();
    private readonly Dictionary<Digest, int> _held = [];
    private List<Digest>? _releasedWhileCollecting;

    /// <summary>Starts a lease; the caller disposes it when what it made is recorded elsewhere.</summary>
    public Lease Open() => new(this);

    /// <summary>Runs a collection, one at a time. What it removes through the given function is what no lease holds.</summary>
    public void Collect(Action<RemoveUnlessHeld> collection)
    {
        lock (_collecting)
        {
            lock (_sync)
            {
                _releasedWhileCollecting = [];
            }
            try
            {
                collection(RemoveUnlessHeld);
            }
            finally
            {
                lock (_sync)
                {
                    _releasedWhileCollecting.ForEach(Release);
                    _releasedWhileCollecting = null;
                }
            }
        }
    }

    private bool RemoveUnlessHeld(Digest digest, Func<Digest, bool> remove)
    {
        lock (_sync)
        {
            return !_held.ContainsKey(digest) && remove(digest);
        }
    }

    private void Release(Digest digest)
    {
        if (--_held[digest] == 0)
        {
            _held.Remove(digest);
        }
    }

    /// <summary>Holds digests until disposed.</summary>
    public sealed class Lease : IDisposable
    {
        private readonly ContentLeases _owner;
        private List<Digest>? _digests = [];

        internal Lease(ContentLeases owner) => _owner = owner;

        /// <summary>Holds <paramref name="digest"/>, whether it is there yet or not.</summary>
        public void Hold(Digest digest)
        {
            lock (_owner._sync)
            {
                ObjectDisposedException.ThrowIf(_digests is null, this);
                _owner._held[digest] = _owner._held.GetValueOrDefault(digest) + 1;
                _digests.Add(digest);
            }
        }

        public void Dispose()
        {
            lock (_owner._sync)
            {
                if (_owner._releasedWhileCollecting is { } later)
                {
                    later.AddRange(_digests ?? []);
                }
                else
                {
                    _digests?.ForEach(_owner.Release);
                }
                _digests = null;
            }
        }
    }
}

/// <summary>Removes <paramref name="digest"/> by <paramref name="remove"/> unless it is held; true when it was there and is gone.</summary>
internal delegate bool RemoveUnlessHeld(Digest digest, Func<Digest, bool> remove);
