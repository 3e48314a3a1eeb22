using Caisson.Errors;
using Caisson.Linux.Processes;
using Caisson.Images.Layers.Tar;
using Caisson.Images.Store;
using Caisson.Linux;
using Caisson.Oci;

namespace Caisson.Images.Bootstrap;

/// <summary>The small image that needs no registry: one static busybox under all its names.</summary>
/// <remarks>
/// From Debian's busybox-static on this machine, or from its package. The same busybox gives the same image, byte for byte.
/// </remarks>
internal static class BusyboxImage
{
    /// <summary>The path that images without one have.</summary>
    public const string DefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    private const string Package = "busybox-static";
    private const int BinaryBytesMax = 64 << 20;

    private static readonly string[] Candidates = ["/bin/busybox", "/usr/bin/busybox"];

    private static readonly (string Path, int Mode)[] Directories =
    [
        ("bin", 0x1ed), ("dev", 0x1ed), ("etc", 0x1ed), ("home", 0x1ed), ("mnt", 0x1ed), ("opt", 0x1ed), ("proc", 0x1ed),
        ("root", 0x1c0), ("run", 0x1ed), ("sbin", 0x1ed), ("srv", 0x1ed), ("sys", 0x1ed), ("tmp", 0x3ff), ("usr", 0x1ed),
        ("usr/bin", 0x1ed), ("usr/sbin", 0x1ed), ("var", 0x1ed), ("var/log", 0x1ed), ("var/spool", 0x1ed), ("var/tmp", 0x3ff),
        ("var/www", 0x1ed),
    ];

    private static readonly (string Path, string Content, int Mode)[] Files =
    [
        ("etc/group", "root:x:0:\ndaemon:x:1:\nbin:x:2:\nsys:x:3:\nadm:x:4:\ntty:x:5:\nmail:x:8:\nwww-data:x:33:\nstaff:x:50:\nusers:x:100:\nnogroup:x:65534:\n", 0x1a4),
        ("etc/hostname", "", 0x1a4),
        ("etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost\n", 0x1a4),
        ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n", 0x1a4),
        ("etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nbin:x:2:2:bin:/bin:/bin/false\n"
            + "sys:x:3:3:sys:/dev:/bin/false\nmail:x:8:8:mail:/var/spool/mail:/bin/false\n"
            + "www-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n", 0x1a4),
        ("etc/resolv.conf", "", 0x1a4),
        ("etc/shadow", "root:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n", 0x1a0),
    ];

    /// <summary>How the image runs.</summary>
    public static ExecutionConfig Execution { get; } = new() { Cmd = ["sh"], Env = [DefaultPath] };

    /// <summary>The root filesystem's archive and when its busybox was made.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: there is no static busybox and no package to be had.</exception>
    public static async Task<(Stream Archive, DateTimeOffset Made)> BuildAsync(IProgress<ImageProgress>? progress, CancellationToken cancellation)
    {
        foreach (string path in Candidates)
        {
            if (File.Exists(path) && await TryBuildAsync(path, progress, cancellation) is { } built)
            {
                return built;
            }
        }
        string temporary = Path.Join(Path.GetTempPath(), "caisson-busybox-" + Guid.NewGuid().ToString("N"));
        DurableFile.CreateDirectory(temporary);
        try
        {
            string binary = await DownloadAsync(temporary, progress, cancellation);
            return await TryBuildAsync(binary, progress, cancellation)
                ?? throw new CaissonException(ErrorKind.FailedPrecondition, $"the busybox of package {Package} does not run alone");
        }
        finally
        {
            using DirectoryDescriptor parent = HostFiles.OpenDirectory(Path.GetDirectoryName(temporary)!);
            parent.RemoveTree(Path.GetFileName(temporary));
        }
    }

    /// <summary>Null when the binary needs shared libraries, which the image would not have.</summary>
    private static async Task<(Stream, DateTimeOffset)?> TryBuildAsync(string binary, IProgress<ImageProgress>? progress, CancellationToken cancellation)
    {
        byte[] content = HostFiles.Read(binary, BinaryBytesMax);
        if (!ElfFile.IsStatic(content))
        {
            return null;
        }
        progress?.Report(new ImageProgress(ImageStage.Building, default, 0, 0, $"busybox from {binary}"));
        string list = await ToolRun.ReadAsync(binary, ["--list-full"], null, cancellation);
        string[] applets = [.. list.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(applet => applet.Trim('/')).Where(IsPlain)];
        if (!applets.Contains("bin/sh"))
        {
            return null;
        }
        DateTimeOffset made = new(File.GetLastWriteTimeUtc(binary), TimeSpan.Zero);
        return (Archive(content, applets, made.ToUnixTimeSeconds()), made);
    }

    private static async Task<string> DownloadAsync(string temporary, IProgress<ImageProgress>? progress, CancellationToken cancellation)
    {
        progress?.Report(new ImageProgress(ImageStage.Building, default, 0, 0, $"downloading package {Package}"));
        try
        {
            await ToolRun.ReadAsync("apt-get", ["download", Package], temporary, cancellation);
            string package = Directory.GetFiles(temporary, "*.deb").First();
            await ToolRun.ReadAsync("dpkg-deb", ["-x", package, "root"], temporary, cancellation);
        }
        catch (CaissonException e)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition,
                $"no static busybox: neither {string.Join(" nor ", Candidates)} is one, and its package could not be had ({e.Message}); install {Package}", e);
        }
        return Candidates.Select(path => Path.Join(temporary, "root", path)).FirstOrDefault(File.Exists)
            ?? throw new CaissonException(ErrorKind.FailedPrecondition, $"package {Package} holds no busybox");
    }

    private static MemoryStream Archive(byte[] binary, string[] applets, long mtime)
    {
        var output = new MemoryStream();
        var writer = new TarWriter(output);
        foreach (var (path, mode) in Directories)
        {
            writer.Write(Entry(TarEntryType.Directory, path + "/", mode), []);
        }
        foreach (var (path, text, mode) in Files)
        {
            byte[] content = System.Text.Encoding.UTF8.GetBytes(text);
            writer.Write(Entry(TarEntryType.File, path, mode) with { Size = content.Length }, content);
        }
        writer.Write(Entry(TarEntryType.File, "bin/busybox", 0x1ed) with { Size = binary.Length }, binary);
        HashSet<string> known = [.. Directories.Select(directory => directory.Path)];
        foreach (string applet in applets.Order(StringComparer.Ordinal).Where(applet => applet != "bin/busybox"))
        {
            string directory = applet.Contains('/') ? applet[..applet.LastIndexOf('/')] : "";
            if (!known.Contains(directory) && directory.Length > 0)
            {
                continue; // a place of its own, such as a boot helper's
            }
            string up = directory.Length == 0 ? "" : string.Concat(Enumerable.Repeat("../", directory.Split('/').Length));
            string target = directory == "bin" ? "busybox" : up + "bin/busybox";
            writer.Write(Entry(TarEntryType.SymbolicLink, applet, 0x1ff) with { LinkName = target }, []);
        }
        writer.Finish();
        output.Position = 0;
        return output;

        TarEntry Entry(TarEntryType type, string name, int mode) =>
            new() { Type = type, Name = name, Mode = mode, MtimeSeconds = mtime };
    }

    private static bool IsPlain(string applet) =>
        applet.Length > 0 && applet.Split('/').All(part => part is not ("" or "." or "..")) && !applet.Any(char.IsWhiteSpace);
}
