using System.Collections.Concurrent;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Processes;

namespace Caisson.Machines.Disks;

/// <summary>Images as disks: a read-only file system with all of an image's layers in one, made once and shared by every machine that runs the image.</summary>
/// <remarks>Safe for concurrent use. Uncompressed, because what reads it may be emulated. Source: mkfs.erofs(1).</remarks>
/// <param name="root">The engine's directory.</param>
public sealed class ImageDisks(string root)
{
    private const string Ending = ".erofs";

    private readonly string _directory = Path.Join(root, "machines", "images");
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _making = new();

    /// <summary>The disk of an image.</summary>
    /// <param name="key">Names the image's layers, as the id of their chain in hexadecimal does.</param>
    /// <param name="open">Gives the image's files as a mount; asked only when the disk is still to be made. It is disposed here.</param>
    /// <param name="cancellation">Ends the work; nothing is left.</param>
    /// <returns>The host path of the file.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: this machine cannot make it; names the package that can.</exception>
    public async Task<string> EnsureAsync(string key, Func<MountTree> open, CancellationToken cancellation)
    {
        string path = PathOf(key);
        if (File.Exists(path))
        {
            return path;
        }
        SemaphoreSlim turn = _making.GetOrAdd(key, _ => new SemaphoreSlim(1));
        await turn.WaitAsync(cancellation);
        try
        {
            if (!File.Exists(path))
            {
                await MakeAsync(path, open, cancellation);
            }
            return path;
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Where the disk of an image is, or will be.</summary>
    public string PathOf(string key) => key.Length is > 0 and <= 128 && key.All(char.IsAsciiHexDigit)
        ? Path.Join(_directory, key + Ending)
        : throw new ArgumentException("a key of an image's disk is hexadecimal", nameof(key));

    /// <summary>Removes the disks of images that are gone. Machines that run keep theirs.</summary>
    /// <param name="isWanted">Whether the layers of a key are still there.</param>
    public void Sweep(Func<string, bool> isWanted)
    {
        foreach (string path in Directory.Exists(_directory) ? Directory.GetFiles(_directory, "*" + Ending) : [])
        {
            if (!isWanted(Path.GetFileNameWithoutExtension(path)))
            {
                File.Delete(path);
            }
        }
    }

    /// <summary>Removes what an interrupted making left; nobody makes any meanwhile.</summary>
    public void RemoveUnfinished()
    {
        foreach (string path in Directory.Exists(_directory) ? Directory.GetFileSystemEntries(_directory) : [])
        {
            if (Directory.Exists(path))
            {
                Directory.Delete(path);
            }
            else if (!path.EndsWith(Ending, StringComparison.Ordinal))
            {
                File.Delete(path);
            }
        }
    }

    private async Task MakeAsync(string path, Func<MountTree> open, CancellationToken cancellation)
    {
        Directory.CreateDirectory(_directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        string next = $"{path}.{Guid.NewGuid():n}";
        string place = $"{next}.d";
        try
        {
            using (MountTree files = open())
            {
                // The tool wants a path whose name it can look up, which a mount without a place does not have.
                Directory.CreateDirectory(place);
                Task making = Task.CompletedTask;
                files.RunAttached(place, () => making = RunAsync("mkfs.erofs", "erofs-utils", ["--quiet", "-Enoinline_data", next, place], cancellation));
                await making;
            }
            using (FileStream file = File.OpenWrite(next))
            {
                file.Flush(flushToDisk: true);
            }
            File.Move(next, path);
        }
        finally
        {
            File.Delete(next);
            if (Directory.Exists(place))
            {
                Directory.Delete(place);
            }
        }
    }

    internal static async Task RunAsync(string program, string package, IReadOnlyList<string> arguments, CancellationToken cancellation)
    {
        try
        {
            await ToolRun.ReadAsync(program, arguments, null, cancellation);
        }
        catch (CaissonException error) when (error.Kind == ErrorKind.FailedPrecondition)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"machines need {program}, which is not installed on this host; install it (Debian: apt-get install {package})", error);
        }
    }
}
