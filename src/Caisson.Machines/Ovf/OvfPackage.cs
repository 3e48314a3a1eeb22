using System.Buffers;
using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;

using Caisson.Errors;
using Caisson.Machines.Disks;

namespace Caisson.Machines.Ovf;

/// <summary>Machines as packages that other hypervisors read: an OVA archive, or a description with its files beside it.</summary>
/// <remarks>Source: DMTF DSP0243 1.1, chapters 5 (packages, manifests) and 7.</remarks>
public static class OvfPackage
{
    private const int DescriptionBytesMax = 8 << 20;
    private const int ManifestBytesMax = 1 << 20;
    private const int BufferBytes = 1 << 20;

    /// <summary>Writes a machine as an OVA archive: disks as compressed VMDK, digests of SHA-256.</summary>
    /// <param name="machine">What the machine has; its disks and their names are made of <paramref name="disks"/>.</param>
    /// <param name="disks">The disks, which nobody writes to meanwhile.</param>
    /// <param name="passphrase">Opens those that are encrypted; what is written is not. Null when none is.</param>
    /// <param name="path">The host path of the archive, which does not exist.</param>
    /// <param name="directory">A directory for what is only needed meanwhile.</param>
    /// <param name="progress">Told the part that is done, 0 to 1.</param>
    /// <param name="cancellation">Ends the work; nothing is left.</param>
    public static async Task ExportAsync(
        OvfMachine machine, IReadOnlyList<DiskNode> disks, string? passphrase, string path, string directory, IProgress<double>? progress, CancellationToken cancellation)
    {
        if (File.Exists(path))
        {
            throw new CaissonException(ErrorKind.AlreadyExists, $"there is a file {path} already");
        }
        string stem = FileStem(machine.Name);
        string work = MakeWork(directory);
        string next = $"{path}.{Guid.NewGuid():n}";
        try
        {
            List<(string Name, string Path, string Digest, long Bytes)> files = [];
            List<OvfDisk> described = [];
            for (int i = 0; i < disks.Count; i++)
            {
                string name = string.Create(CultureInfo.InvariantCulture, $"{stem}-disk{i + 1}.vmdk");
                string file = Path.Join(work, name);
                int number = i;
                await DiskImages.ConvertAsync(
                    disks[i], file, new DiskConversion { Format = DiskFormat.Vmdk, IsCompressed = true, SourcePassphrase = disks[i].IsEncrypted ? passphrase : null },
                    progress is null ? null : new Part(progress, number / (disks.Count + 1.0), 1 / (disks.Count + 1.0)), cancellation);
                await using FileStream written = File.OpenRead(file);
                files.Add((name, file, Convert.ToHexStringLower(await SHA256.HashDataAsync(written, cancellation)), written.Length));
                described.Add(new OvfDisk(DiskHeader.Read(file, DiskFormat.Vmdk).VirtualBytes, name, FileBytes: written.Length));
            }
            byte[] description = OvfWriter.Write(machine with { Disks = described });
            var manifest = new StringBuilder($"SHA256({stem}.ovf)= {Convert.ToHexStringLower(SHA256.HashData(description))}\n");
            foreach (var (name, _, digest, _) in files)
            {
                manifest.Append(CultureInfo.InvariantCulture, $"SHA256({name})= {digest}\n");
            }
            await using (FileStream archive = new(next, FileMode.CreateNew, FileAccess.Write))
            {
                File.SetUnixFileMode(next, UnixFileMode.UserRead | UnixFileMode.UserWrite);
                DateTimeOffset made = DateTimeOffset.UtcNow;
                Add(archive, $"{stem}.ovf", description, made);
                Add(archive, $"{stem}.mf", Encoding.ASCII.GetBytes(manifest.ToString()), made);
                foreach (var (name, file, _, bytes) in files)
                {
                    OvaArchive.WriteHeader(archive, name, bytes, made);
                    await using (FileStream content = File.OpenRead(file))
                    {
                        await content.CopyToAsync(archive, BufferBytes, cancellation);
                    }
                    OvaArchive.WritePadding(archive, bytes);
                    File.Delete(file);
                }
                OvaArchive.WriteEnd(archive);
                archive.Flush(flushToDisk: true);
            }
            File.Move(next, path);
            progress?.Report(1);
        }
        finally
        {
            File.Delete(next);
            Directory.Delete(work, recursive: true);
        }
    }

    /// <summary>Takes a machine in: reads its description, checks every digest, and writes its disks as qcow2.</summary>
    /// <param name="path">The host path of an archive (<c>.ova</c>) or a description (<c>.ovf</c>).</param>
    /// <param name="targetOf">The host path for the disk of a number, from 0; it does not exist.</param>
    /// <param name="owner">The host's user and group that disks belong to.</param>
    /// <param name="directory">A directory for what is only needed meanwhile.</param>
    /// <param name="progress">Told the part that is done, 0 to 1.</param>
    /// <param name="cancellation">Ends the work; nothing is left.</param>
    /// <returns>What the machine has; disk by disk as the targets were written.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: the package is damaged or hostile, with the reason.</exception>
    public static async Task<OvfMachine> ImportAsync(
        string path, Func<int, string> targetOf, uint owner, string directory, IProgress<double>? progress, CancellationToken cancellation)
    {
        string work = MakeWork(directory);
        List<string> made = [];
        try
        {
            Package package = IsArchive(path) ? Unpack(path, work, cancellation) : Beside(path, cancellation);
            OvfMachine machine = OvfReader.Read(package.Description, package.DescriptionName);
            package.Verify();
            for (int i = 0; i < machine.Disks.Count; i++)
            {
                string target = targetOf(i);
                await ImportDiskAsync(
                    machine.Disks[i], package, target, owner, work, progress is null ? null : new Part(progress, i / (double)machine.Disks.Count, 1.0 / machine.Disks.Count), cancellation);
                made.Add(target);
            }
            progress?.Report(1);
            return machine;
        }
        catch
        {
            made.ForEach(File.Delete);
            throw;
        }
        finally
        {
            Directory.Delete(work, recursive: true);
        }
    }

    private static async Task ImportDiskAsync(OvfDisk disk, Package package, string target, uint owner, string work, IProgress<double>? progress, CancellationToken cancellation)
    {
        if (disk.FileName.Length == 0)
        {
            await DiskImages.CreateAsync(target, DiskFormat.Qcow2, Round(disk.CapacityBytes), owner, null, cancellation);
            return;
        }
        if (!package.Files.TryGetValue(disk.FileName, out PackageFile? file))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{package.Name} is incomplete: {disk.FileName} is missing");
        }
        if (disk.FileBytes is { } said && said != file.Bytes)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{package.Name} is damaged: {disk.FileName} has {file.Bytes} bytes, and its description says {said}");
        }
        string content = file.Path;
        if (disk.IsPacked)
        {
            content = Path.Join(work, "unpacked");
            await UnpackGzipAsync(file.Path, content, disk, cancellation);
        }
        DiskHeader header = DiskHeader.Read(content).RequireAlone(disk.FileName);
        long capacity = Round(disk.CapacityBytes);
        if (header.Encryption is not null)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{disk.FileName} is encrypted, and a package has no place for its key; decrypt it where it was made");
        }
        // Writers round up to whole megabytes or cylinders, no further.
        if (capacity > 0 && header.VirtualBytes > capacity + (16 << 20))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{package.Name} is refused: {disk.FileName} has {header.VirtualBytes} bytes, and its description says {disk.CapacityBytes}");
        }
        await DiskImages.ConvertAsync(new DiskNode(content, header.Format), target, new DiskConversion { Format = DiskFormat.Qcow2, Owner = owner }, progress, cancellation);
        if (capacity > header.VirtualBytes)
        {
            await DiskImages.ResizeAsync(new DiskNode(target, DiskFormat.Qcow2), capacity, null, cancellation);
        }
    }

    private static async Task UnpackGzipAsync(string from, string to, OvfDisk disk, CancellationToken cancellation)
    {
        long most = disk.CapacityBytes + (disk.CapacityBytes / 8) + (64 << 20);
        await using var target = new FileStream(to, FileMode.Create, FileAccess.Write);
        await using var packed = new GZipStream(File.OpenRead(from), CompressionMode.Decompress);
        byte[] buffer = new byte[BufferBytes];
        int count;
        try
        {
            while ((count = await packed.ReadAsync(buffer, cancellation)) > 0)
            {
                if (target.Length + count > most)
                {
                    throw new CaissonException(ErrorKind.InvalidArgument, $"{disk.FileName} unpacks to more than a disk of {disk.CapacityBytes} bytes can need");
                }
                await target.WriteAsync(buffer.AsMemory(0, count), cancellation);
            }
        }
        catch (InvalidDataException error)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{disk.FileName} is damaged: {error.Message}", error);
        }
    }

    private static long Round(long bytes) => Math.Max((bytes + 511) & -512, DiskImages.BytesMin);

    private static bool IsArchive(string path)
    {
        if (!File.Exists(path))
        {
            throw new CaissonException(ErrorKind.NotFound, $"there is no file {path}");
        }
        return !path.EndsWith(".ovf", StringComparison.OrdinalIgnoreCase);
    }

    private static Package Unpack(string path, string work, CancellationToken cancellation)
    {
        var package = new Package(Path.GetFileName(path));
        using FileStream archive = File.OpenRead(path);
        OvaArchive.Read(archive, package.Name, (name, size, content) =>
        {
            string kind = Path.GetExtension(name).ToLowerInvariant();
            if (kind is ".ovf" or ".mf")
            {
                package.Take(name, ReadSmall(content, size, name, kind == ".ovf" ? DescriptionBytesMax : ManifestBytesMax));
                return;
            }
            // Numbered, since a name of the package is not one of ours.
            string file = Path.Join(work, string.Create(CultureInfo.InvariantCulture, $"member{package.Files.Count}"));
            using FileStream target = File.Create(file);
            package.Take(name, file, Copy(content, target, cancellation));
        });
        return package;
    }

    private static Package Beside(string path, CancellationToken cancellation)
    {
        string directory = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var package = new Package(Path.GetFileName(path));
        using (FileStream description = File.OpenRead(path))
        {
            package.Take(package.Name, ReadSmall(description, description.Length, package.Name, DescriptionBytesMax));
        }
        string manifest = Path.ChangeExtension(path, ".mf");
        if (File.Exists(manifest))
        {
            using FileStream file = File.OpenRead(manifest);
            package.Take(Path.GetFileName(manifest), ReadSmall(file, file.Length, Path.GetFileName(manifest), ManifestBytesMax));
        }
        foreach (OvfDisk disk in OvfReader.Read(package.Description, package.Name).Disks.Where(disk => disk.FileName.Length > 0))
        {
            string file = Path.Join(directory, disk.FileName);
            if (new FileInfo(file) is not { Exists: true, LinkTarget: null })
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"{package.Name} is incomplete: there is no file {file}");
            }
            if (!package.Files.ContainsKey(disk.FileName))
            {
                using FileStream content = File.OpenRead(file);
                package.Take(disk.FileName, file, package.Manifest.Length > 0 ? Copy(content, Stream.Null, cancellation) : new Digests("", "", "", content.Length));
            }
        }
        return package;
    }

    private static byte[] ReadSmall(Stream content, long size, string name, int max)
    {
        if (size > max)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{name} is refused: it has {size} bytes, and {max} are the most");
        }
        byte[] bytes = new byte[size];
        content.ReadExactly(bytes);
        return bytes;
    }

    private static Digests Copy(Stream from, Stream to, CancellationToken cancellation)
    {
        // SHA-1 is what older packages have; it guards against damage alone, as all manifests do.
#pragma warning disable CA5350
        using var sha1 = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
#pragma warning restore CA5350
        using var sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var sha512 = IncrementalHash.CreateHash(HashAlgorithmName.SHA512);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        long bytes = 0;
        try
        {
            int count;
            while ((count = from.Read(buffer)) > 0)
            {
                cancellation.ThrowIfCancellationRequested();
                sha1.AppendData(buffer, 0, count);
                sha256.AppendData(buffer, 0, count);
                sha512.AppendData(buffer, 0, count);
                to.Write(buffer.AsSpan(0, count));
                bytes += count;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        return new Digests(Hex(sha1), Hex(sha256), Hex(sha512), bytes);

        static string Hex(IncrementalHash hash) => Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void Add(Stream archive, string name, byte[] content, DateTimeOffset made)
    {
        OvaArchive.WriteHeader(archive, name, content.Length, made);
        archive.Write(content);
        OvaArchive.WritePadding(archive, content.Length);
    }

    private static string FileStem(string name)
    {
        string stem = string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' ? c : '-')).TrimStart('-', '.');
        return stem.Length switch { 0 => "machine", > 60 => stem[..60], _ => stem };
    }

    private static string MakeWork(string directory)
    {
        string work = Path.Join(directory, $"ovf-{Guid.NewGuid():n}");
        Directory.CreateDirectory(work, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return work;
    }

    private sealed record Digests(string Sha1, string Sha256, string Sha512, long Bytes);

    private sealed record PackageFile(string Path, Digests Digests)
    {
        internal long Bytes => Digests.Bytes;
    }

    /// <summary>What a package consists of, as it is found.</summary>
    private sealed class Package(string name)
    {
        private Digests? _description;

        internal string Name => name;

        internal byte[] Description { get => field ?? throw new CaissonException(ErrorKind.InvalidArgument, $"{name} has no description (.ovf), so it is no package of a machine"); private set; }

        internal string DescriptionName { get; private set; } = "";

        internal string Manifest { get; private set; } = "";

        internal Dictionary<string, PackageFile> Files { get; } = new(StringComparer.Ordinal);

        internal void Take(string member, byte[] content)
        {
            if (Path.GetExtension(member).Equals(".mf", StringComparison.OrdinalIgnoreCase))
            {
                Manifest = Encoding.UTF8.GetString(content);
                return;
            }
            if (_description is not null)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"{name} is refused: it has two descriptions");
            }
            (Description, DescriptionName) = (content, member);
            using var bytes = new MemoryStream(content);
            _description = Copy(bytes, Stream.Null, CancellationToken.None);
        }

        internal void Take(string member, string path, Digests digests) => Files.Add(member, new PackageFile(path, digests));

        /// <summary>Lines such as <c>SHA256(name)= hex</c>; every file that they name is there and is as they say.</summary>
        internal void Verify()
        {
            foreach (string line in Manifest.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            {
                int open = line.IndexOf('(', StringComparison.Ordinal);
                int close = line.LastIndexOf(')');
                int equals = line.LastIndexOf('=');
                if (open < 1 || close < open || equals < close)
                {
                    throw new CaissonException(ErrorKind.InvalidArgument, $"the manifest of {name} has a line that is none: '{DiskHeader.Shown(line)}'");
                }
                string algorithm = line[..open].Trim().ToUpperInvariant().Replace("-", "", StringComparison.Ordinal);
                string member = line[(open + 1)..close];
                string said = line[(equals + 1)..].Trim().ToLowerInvariant();
                Digests? found = member == DescriptionName ? _description : Files.TryGetValue(member, out PackageFile? file) ? file.Digests : null;
                if (found is null)
                {
                    throw new CaissonException(ErrorKind.InvalidArgument, $"{name} is incomplete: its manifest names {DiskHeader.Shown(member)}, which is missing");
                }
                string digest = algorithm switch
                {
                    "SHA1" => found.Sha1,
                    "SHA256" => found.Sha256,
                    "SHA512" => found.Sha512,
                    _ => throw new CaissonException(ErrorKind.InvalidArgument, $"the manifest of {name} has digests of '{DiskHeader.Shown(algorithm)}', and SHA1, SHA256 and SHA512 are known"),
                };
                if (digest != said)
                {
                    throw new CaissonException(ErrorKind.InvalidArgument, $"{name} is damaged: {DiskHeader.Shown(member)} is not what its manifest says; get it again, or remove its line from the manifest if it was changed on purpose");
                }
            }
        }
    }

    private sealed class Part(IProgress<double> whole, double start, double share) : IProgress<double>
    {
        public void Report(double value) => whole.Report(start + (value * share));
    }
}
