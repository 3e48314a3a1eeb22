using System.Text.Json;

using Caisson.Errors;
using Caisson.Images.Layers.Tar;
using Caisson.Images.Store;
using Caisson.Linux;
using Caisson.Oci;

namespace Caisson.Images.Layers;

/// <summary>Unpacked layers by chain id: <c>layers/HEX/fs</c> and, last of all, <c>layers/HEX/complete</c>.</summary>
/// <remarks>
/// For several threads: each layer is unpacked once, whoever asks. Unpacking happens in a directory of another name, which is
/// renamed after everything is on stable storage; what a crash leaves is removed when the store is next opened.
/// </remarks>
public sealed partial class LayerStore : IDisposable
{
    private const string PartialPrefix = "partial-";
    private const string TrashPrefix = "trash-";
    private const string CompleteName = "complete";
    private const string NewRecordName = "complete.new";

    private readonly Lock _sync = new();
    private readonly string _directory;
    private readonly BlobStore _blobs;
    private readonly TarLimits _limits;
    private readonly Dictionary<Digest, Task> _unpacking = [];
    private readonly Dictionary<Digest, LayerRecord> _complete = [];
    private readonly Dictionary<Digest, LayerRecord> _unsealed = [];
    private readonly SemaphoreSlim _workers = new(Math.Max(2, Environment.ProcessorCount));

    private LayerStore(string directory, BlobStore blobs, TarLimits limits)
    {
        _directory = directory;
        _blobs = blobs;
        _limits = limits;
    }

    /// <summary>Opens the store below <paramref name="root"/>, creating what is missing (mode 0700).</summary>
    public static LayerStore Open(string root, BlobStore blobs, TarLimits limits)
    {
        var store = new LayerStore(Path.Join(root, "layers"), blobs, limits);
        DurableFile.CreateDurableDirectory(store._directory);
        store.EmptyTrash(PartialPrefix);
        store.EmptyTrash(TrashPrefix);
        store.RemoveUnsealed();
        return store;
    }

    /// <summary>The root directory of an unpacked layer.</summary>
    public string PathOf(Digest chainId) => Path.Join(DirectoryOf(chainId), "fs");

    /// <summary>The record of an unpacked layer; null when it is not unpacked.</summary>
    public LayerRecord? Find(Digest chainId)
    {
        lock (_sync)
        {
            if (_complete.TryGetValue(chainId, out LayerRecord? known))
            {
                return known;
            }
        }
        if (ReadRecord(chainId) is not { } record)
        {
            return null;
        }
        lock (_sync)
        {
            // Another may have removed the layer since it was read.
            if (Directory.Exists(DirectoryOf(chainId)))
            {
                _complete[chainId] = record;
            }
        }
        return record;
    }

    /// <summary>True when the layer is unpacked.</summary>
    public bool Contains(Digest chainId) => Find(chainId) is not null;

    /// <summary>The chain ids of all unpacked layers, in no order.</summary>
    public IEnumerable<Digest> List() => ListDirectories().Where(Contains);

    /// <summary>As <see cref="List"/>, also of what has the name of a layer and is none.</summary>
    internal IEnumerable<Digest> ListDirectories()
    {
        foreach (string path in Directory.EnumerateDirectories(_directory))
        {
            string name = Path.GetFileName(path);
            if (Digest.TryParse("sha256:" + name, out Digest chainId) || Digest.TryParse("sha512:" + name, out chainId))
            {
                yield return chainId;
            }
        }
    }

    /// <summary>Unpacks what is missing of a chain of layers, several at a time.</summary>
    /// <param name="chain">All layers of the image, lowest first.</param>
    /// <param name="progress">Told stages and compressed bytes; called from several threads.</param>
    /// <param name="cancellation">Ends the waiting; work that others may wait for goes on.</param>
    /// <exception cref="CaissonException">A layer is missing, is not what the image says, or is refused.</exception>
    public Task EnsureAsync(IReadOnlyList<LayerSource> chain, IProgress<ImageProgress>? progress, CancellationToken cancellation) =>
        EnsureAsync(chain, new StoredArchives(_blobs), progress, cancellation);

    /// <summary>As the other form, from archives that may still be arriving.</summary>
    internal async Task EnsureAsync(
        IReadOnlyList<LayerSource> chain, ILayerArchives archives, IProgress<ImageProgress>? progress, CancellationToken cancellation)
    {
        const int AttemptsMax = 3;

        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await Task.WhenAll(StartAll(chain, archives, progress)).WaitAsync(cancellation);
                return;
            }
            catch (CaissonException e) when (e.Kind == ErrorKind.Cancelled && attempt < AttemptsMax && !cancellation.IsCancellationRequested)
            {
                // Work of somebody who has given up was joined. It is over now, and begins anew from archives of our own.
            }
        }
    }

    private List<Task> StartAll(IReadOnlyList<LayerSource> chain, ILayerArchives archives, IProgress<ImageProgress>? progress)
    {
        Task last = Task.CompletedTask;
        List<Task> tasks = [];
        for (int i = 0; i < chain.Count; i++)
        {
            if (Contains(chain[i].ChainId))
            {
                progress?.Report(new ImageProgress(ImageStage.AlreadyExists, chain[i].Blob.Digest, 0, chain[i].Blob.Size));
                last = Task.CompletedTask;
                continue;
            }
            last = Start(chain, i, last, archives, progress);
            tasks.Add(last);
        }
        return tasks;
    }

    /// <summary>Unpacks an archive whose content is not known beforehand as the lowest layer of an image.</summary>
    /// <returns>Its record; the chain id of a lowest layer is its diff id.</returns>
    /// <param name="blob">The stored archive.</param>
    /// <param name="allowDevices">True to make device nodes, for archives of the administrator's own.</param>
    /// <param name="beforePublish">Told the chain id before the layer gets its name.</param>
    /// <param name="progress">Told stages and compressed bytes.</param>
    /// <param name="cancellation">Ends the work.</param>
    public LayerRecord UnpackFirst(
        ContentDescriptor blob,
        bool allowDevices,
        Action<Digest>? beforePublish,
        IProgress<ImageProgress>? progress,
        CancellationToken cancellation)
    {
        string partial = NewDirectory(PartialPrefix);
        try
        {
            var (diffId, contents) = Unpack(partial, _blobs.OpenRead(blob.Digest), blob, default, allowDevices, progress, cancellation);
            var record = new LayerRecord { ChainId = diffId, DiffId = diffId, Contents = contents };
            beforePublish?.Invoke(diffId);
            Publish(partial, record);
            progress?.Report(new ImageProgress(ImageStage.Unpacked, blob.Digest, blob.Size, blob.Size));
            return record;
        }
        catch
        {
            RemoveDirectory(partial);
            throw;
        }
    }

    /// <summary>
    /// Takes a directory that is a layer already, such as an overlay's upper directory, under its name. It can be used at once, and
    /// is forgotten by a crash until <see cref="Seal"/>.
    /// </summary>
    /// <param name="directory">On the same file system; moved. Where the layer is there already, it stays where it is.</param>
    /// <param name="record">What it is.</param>
    public void Adopt(string directory, LayerRecord record)
    {
        if (Contains(record.ChainId))
        {
            return;
        }
        string partial = NewDirectory(PartialPrefix);
        Directory.Move(directory, Path.Join(partial, "fs"));
        lock (_sync)
        {
            string final = DirectoryOf(record.ChainId);
            if (_complete.ContainsKey(record.ChainId) || Directory.Exists(final))
            {
                RemoveDirectory(partial);
                return;
            }
            Directory.Move(partial, final);
            _complete[record.ChainId] = record;
            _unsealed[record.ChainId] = record;
            NoteArchive(record);
        }
    }

    /// <summary>
    /// Makes the layers that were adopted durable, and whatever else was written, with two flushes for all of them: of what they hold, then of
    /// the records and names that say so.
    /// </summary>
    /// <param name="publish">Gives other things their names, between the two; null for nothing.</param>
    public void Seal(Action? publish = null)
    {
        LayerRecord[] records;
        lock (_sync)
        {
            records = [.. _unsealed.Values];
        }
        if (records.Length == 0 && publish is null)
        {
            return;
        }
        DurableFile.FlushFileSystem(_directory);
        publish?.Invoke();
        foreach (LayerRecord record in records)
        {
            lock (_sync)
            {
                if (_unsealed.Remove(record.ChainId))
                {
                    // Under another name until it is whole on disk: a record that says a layer is complete must be read as it was written.
                    DurableFile.Write(Path.Join(DirectoryOf(record.ChainId), NewRecordName), JsonSerializer.SerializeToUtf8Bytes(record, LayerJson.Default.LayerRecord));
                }
            }
        }
        DurableFile.FlushFileSystem(_directory);
        foreach (LayerRecord record in records)
        {
            string directory = DirectoryOf(record.ChainId);
            lock (_sync)
            {
                if (File.Exists(Path.Join(directory, NewRecordName)))
                {
                    DurableFile.Rename(Path.Join(directory, NewRecordName), Path.Join(directory, CompleteName));
                }
            }
        }
    }

    /// <summary>Removes an unpacked layer; false when it was not there. No container may be using it.</summary>
    public bool Delete(Digest chainId)
    {
        string trash = Path.Join(_directory, TrashPrefix + Guid.NewGuid().ToString("N"));
        lock (_sync)
        {
            _complete.Remove(chainId);
            _unsealed.Remove(chainId);
            ForgetArchive(chainId);
            try
            {
                DurableFile.Move(DirectoryOf(chainId), trash);
            }
            catch (DirectoryNotFoundException)
            {
                return false;
            }
        }
        RemoveDirectory(trash);
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => _workers.Dispose();

    private Task Start(IReadOnlyList<LayerSource> chain, int index, Task parent, ILayerArchives archives, IProgress<ImageProgress>? progress)
    {
        LayerSource layer = chain[index];
        lock (_sync)
        {
            if (_unpacking.TryGetValue(layer.ChainId, out Task? running))
            {
                return running;
            }
            string[] lower = [.. chain.Take(index).Reverse().Select(below => PathOf(below.ChainId))];
            Digest? parentId = index == 0 ? null : chain[index - 1].ChainId;
            Task task = Task.Run(() => UnpackAsync(layer, parentId, lower, parent, archives, progress));
            _unpacking.Add(layer.ChainId, task);
            return task;
        }
    }

    private async Task UnpackAsync(
        LayerSource layer, Digest? parentId, string[] lower, Task parent, ILayerArchives archives, IProgress<ImageProgress>? progress)
    {
        string? partial = null;
        try
        {
            if (Contains(layer.ChainId))
            {
                return;
            }
            LayerContents contents;
            SemaphoreSlim workers = archives.Workers ?? _workers;
            await workers.WaitAsync();
            try
            {
                string fresh = partial = NewDirectory(PartialPrefix);
                (Digest diffId, contents) = await BlockingWork.RunAsync(
                    () => Unpack(fresh, archives.OpenRead(layer.Blob), layer.Blob, layer.DiffId, allowDevices: false, progress, CancellationToken.None),
                    CancellationToken.None);
                if (diffId != layer.DiffId)
                {
                    throw new CaissonException(ErrorKind.InvalidArgument,
                        $"layer {layer.Blob.Digest} unpacks to {diffId}, but the image says {layer.DiffId}");
                }
            }
            finally
            {
                workers.Release();
            }

            // An archive is unpacked while it arrives; what it is, is known when all of it has.
            await archives.WholeAsync(layer.Blob);

            // The layers below must be there before their attributes are taken over, and before this one is usable.
            await parent;
            InheritAttributes(Path.Join(partial, "fs"), contents, lower);
            Publish(partial, new LayerRecord
            {
                ChainId = layer.ChainId,
                DiffId = layer.DiffId,
                Parent = parentId,
                Contents = contents,
            });
            partial = null;
            progress?.Report(new ImageProgress(ImageStage.Unpacked, layer.Blob.Digest, layer.Blob.Size, layer.Blob.Size));
        }
        finally
        {
            lock (_sync)
            {
                _unpacking.Remove(layer.ChainId);
            }
            if (partial is not null)
            {
                RemoveDirectory(partial);
            }
        }
    }

    private (Digest DiffId, LayerContents Contents) Unpack(
        string partial, Stream packed, ContentDescriptor blob, Digest diffId, bool allowDevices, IProgress<ImageProgress>? progress, CancellationToken cancellation)
    {
        string subject = $"layer {blob.Digest}";
        IProgress<long>? bytes = progress is null
            ? null
            : new Relay(done => progress.Report(new ImageProgress(ImageStage.Unpacking, blob.Digest, done, blob.Size)));
        using LayerStream archive = LayerStream.Open(packed, _limits, subject, diffId, bytes);
        string fs = Path.Join(partial, "fs");
        Directory.CreateDirectory(fs);
        using RootDirectory root = RootDirectory.Open(fs);
        var reader = new TarReader(archive, _limits, subject);
        using var unpacker = new LayerUnpacker(root, reader, _limits, allowDevices);
        LayerContents contents = unpacker.Run(cancellation);
        return (archive.GetDiffId(), contents);
    }

    /// <summary>
    /// An archive may leave out the directories that its entries lie in. In overlayfs the topmost directory's attributes
    /// hold, so they must be those of the layers below: <c>/tmp</c> stays 1777.
    /// </summary>
    private static void InheritAttributes(string fs, LayerContents contents, string[] lower)
    {
        if (lower.Length == 0 || contents.HidesLower)
        {
            return;
        }
        using RootDirectory root = RootDirectory.Open(fs);
        foreach (string path in contents.ImplicitDirectories)
        {
            using FileDescriptor? from = LowerLookup.Find(lower, path);
            if (from?.Status is not { Kind: FileKind.Directory } status)
            {
                continue;
            }
            using FileDescriptor? to = path.Length == 0 ? root.Directory.Duplicate() : FindDirectory(root, path);
            if (to is null)
            {
                continue;
            }
            to.ChangeOwner(status.UserId, status.GroupId);
            to.ChangeMode(status.Mode);
            foreach (string name in from.ListExtendedAttributes().Where(LayerXattrs.IsPortable))
            {
                to.SetExtendedAttribute(name, from.GetExtendedAttribute(name) ?? []);
            }
            to.ChangeTimes(null, status.ModifiedTime);
        }
    }

    /// <summary>The directory of this layer at a path without links; null when it was reached through one or replaced later.</summary>
    private static DirectoryDescriptor? FindDirectory(RootDirectory root, string path)
    {
        try
        {
            return root.OpenDirectory(path, PathLookup.NoFollowLast | PathLookup.NoSymlinks);
        }
        catch (LinuxException e) when (e.Errno is Errno.ELOOP or Errno.ENOENT or Errno.ENOTDIR)
        {
            return null;
        }
    }

    /// <summary>Everything on stable storage, then the record, then the name.</summary>
    private void Publish(string partial, LayerRecord record)
    {
        using (FileDescriptor directory = HostFiles.OpenRead(partial))
        {
            directory.FlushFileSystem();
            DurableFile.Observer?.FlushedTree(partial);
        }
        DurableFile.Replace(Path.Join(partial, CompleteName), JsonSerializer.SerializeToUtf8Bytes(record, LayerJson.Default.LayerRecord));
        lock (_sync)
        {
            string final = DirectoryOf(record.ChainId);
            if (Directory.Exists(final))
            {
                RemoveDirectory(partial);
            }
            else
            {
                DurableFile.Move(partial, final);
            }
            _complete[record.ChainId] = record;
        }
        DurableFile.FlushDirectory(_directory);
    }

    private LayerRecord? ReadRecord(Digest chainId)
    {
        try
        {
            byte[] content = File.ReadAllBytes(Path.Join(DirectoryOf(chainId), CompleteName));
            return JsonSerializer.Deserialize(content, LayerJson.Default.LayerRecord);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (JsonException e)
        {
            throw new CaissonException(ErrorKind.Internal, $"the record of layer {chainId} is damaged: {e.Message}", e);
        }
    }

    private string NewDirectory(string prefix)
    {
        string path = Path.Join(_directory, prefix + Guid.NewGuid().ToString("N"));
        DurableFile.CreateDirectory(path);
        return path;
    }

    private void RemoveDirectory(string path)
    {
        using DirectoryDescriptor parent = HostFiles.OpenDirectory(_directory);
        parent.RemoveTree(Path.GetFileName(path));
        DurableFile.Observer?.Removed(path);
    }

    /// <summary>Layers of builds that a crash came before the end of. A new record is written when its layer is durable, so one that is whole counts.</summary>
    private void RemoveUnsealed()
    {
        foreach (string path in Directory.EnumerateDirectories(_directory))
        {
            if (File.Exists(Path.Join(path, CompleteName)))
            {
                continue;
            }
            string fresh = Path.Join(path, NewRecordName);
            if (File.Exists(fresh) && IsWhole(fresh, Path.GetFileName(path)))
            {
                DurableFile.Publish(fresh, Path.Join(path, CompleteName));
            }
            else
            {
                RemoveDirectory(path);
            }
        }
    }

    private static bool IsWhole(string record, string name)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(record), LayerJson.Default.LayerRecord)?.ChainId.Hex == name;
        }
        catch (JsonException)
        {
            return false; // the power went while it was written
        }
    }

    private void EmptyTrash(string prefix)
    {
        foreach (string path in Directory.EnumerateDirectories(_directory, prefix + "*"))
        {
            RemoveDirectory(path);
        }
    }

    private string DirectoryOf(Digest chainId) => chainId.IsEmpty
        ? throw new ArgumentException("an empty digest names no layer", nameof(chainId))
        : Path.Join(_directory, chainId.Hex);

    /// <summary>Progress without a synchronization context: called where it is reported.</summary>
    private sealed class Relay(Action<long> report) : IProgress<long>
    {
        public void Report(long value) => report(value);
    }
}
