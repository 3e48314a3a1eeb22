using System.IO.Compression;

using Caisson.Linux;

namespace Caisson.Control.Logs;

/// <summary>The bytes of one log file by their position, compressed or not. Not safe for concurrent use.</summary>
internal sealed class LogSource : IDisposable
{
    private readonly FileDescriptor _file;
    private readonly string? _compressedPath;
    private GZipStream? _unpacked;
    private long _unpackedPosition;

    private LogSource(FileDescriptor file, string? compressedPath)
    {
        _file = file;
        _compressedPath = compressedPath;
        FileStatus status = file.Status;
        Identity = (status.Device, status.Inode);
    }

    /// <summary>Which file it is, whatever its name.</summary>
    public (DeviceNumber Device, ulong Inode) Identity { get; }

    /// <summary>Bytes now; null when only reading tells.</summary>
    public long? Size => _compressedPath is null ? _file.Status.Size : null;

    /// <summary>Opens a plain file; null when there is none.</summary>
    public static LogSource? TryOpen(string path) => TryOpenFile(path) is { } file ? new LogSource(file, null) : null;

    /// <summary>Opens a compressed file; null when there is none.</summary>
    public static LogSource? TryOpenCompressed(string path) => TryOpenFile(path) is { } file ? new LogSource(file, path) : null;

    /// <summary>Which file has the name; null when none has.</summary>
    public static (DeviceNumber Device, ulong Inode)? IdentityOf(string path)
    {
        try
        {
            using FileDescriptor file = HostFiles.OpenPath(path);
            FileStatus status = file.Status;
            return (status.Device, status.Inode);
        }
        catch (LinuxException error) when (error.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            return null;
        }
    }

    /// <summary>Reads from a position; 0 at the end. A compressed file is read anew when the position lies behind.</summary>
    public int ReadAt(Span<byte> buffer, long position)
    {
        if (_compressedPath is null)
        {
            return _file.ReadAt(buffer, position);
        }
        if (_unpacked is null || position < _unpackedPosition)
        {
            _unpacked?.Dispose();
            _unpacked = new GZipStream(
                new FileStream(_file.ProcPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete), CompressionMode.Decompress);
            _unpackedPosition = 0;
        }
        while (_unpackedPosition < position)
        {
            int skipped = _unpacked.Read(buffer[..(int)Math.Min(buffer.Length, position - _unpackedPosition)]);
            if (skipped == 0)
            {
                return 0;
            }
            _unpackedPosition += skipped;
        }
        int count = _unpacked.Read(buffer);
        _unpackedPosition += count;
        return count;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _unpacked?.Dispose();
        _file.Dispose();
    }

    private static FileDescriptor? TryOpenFile(string path)
    {
        try
        {
            return HostFiles.OpenRead(path);
        }
        catch (LinuxException error) when (error.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            return null;
        }
    }
}
