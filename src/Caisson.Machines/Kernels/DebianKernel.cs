using Caisson.Errors;
using Caisson.Linux.Processes;

namespace Caisson.Machines.Kernels;

/// <summary>Gets Debian's kernel for machines of clouds: apt finds, downloads and verifies the package, and nothing of it is installed on this host.</summary>
/// <remarks>Source: apt-get(8), apt-cache(8), dpkg-deb(1).</remarks>
public static class DebianKernel
{
    /// <summary>The package that always names the newest.</summary>
    public const string DefaultPackage = "linux-image-cloud-amd64";

    /// <summary>Downloads and takes in the kernel of <paramref name="package"/>.</summary>
    /// <param name="store">Gets it.</param>
    /// <param name="package">A package with a kernel, or one that depends on it.</param>
    /// <param name="directory">A directory of the engine's own, for what is only needed meanwhile.</param>
    /// <param name="progress">Told what is done.</param>
    /// <param name="cancellation">Ends the work; nothing is left.</param>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.NotFound"/>: apt has no such package; <see cref="ErrorKind.FailedPrecondition"/>: this machine has no apt.
    /// </exception>
    public static async Task<MachineKernel> InstallAsync(
        KernelStore store, string package, string directory, Action<string> progress, CancellationToken cancellation)
    {
        if (package.Length == 0 || package[0] == '-' || !package.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '+'))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"'{package}' is not the name of a Debian package");
        }
        string work = Path.Join(directory, $"kernel-{Guid.NewGuid():n}");
        Directory.CreateDirectory(work, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        try
        {
            progress($"looking for {package}");
            string real = await ResolveAsync(package, progress, cancellation);
            progress($"downloading {real}");
            // As root, since the directory is for nobody else; apt checks what it gets against the signed lists all the same.
            await ToolRun.ReadAsync("apt-get", ["-q", "-o", "APT::Sandbox::User=root", "download", real], work, cancellation);
            string archive = Directory.GetFiles(work, "*.deb") is [var only] ? only
                : throw new CaissonException(ErrorKind.Internal, $"apt downloaded no package, or several, for {real}");
            progress($"unpacking {Path.GetFileName(archive)}");
            string tree = Path.Join(work, "tree");
            await ToolRun.ReadAsync("dpkg-deb", ["-x", archive, tree], work, cancellation);
            string image = Directory.Exists($"{tree}/boot") && Directory.GetFiles($"{tree}/boot", "vmlinuz-*") is [var kernel] ? kernel
                : throw new CaissonException(ErrorKind.InvalidArgument, $"the package {real} has no kernel in it");
            string release = Path.GetFileName(image)["vmlinuz-".Length..];
            string modules = ((string[])[$"{tree}/lib/modules/{release}", $"{tree}/usr/lib/modules/{release}"]).FirstOrDefault(Directory.Exists) ?? tree;
            return store.Add(await File.ReadAllBytesAsync(image, cancellation), release, Path.GetFileNameWithoutExtension(archive), modules);
        }
        finally
        {
            Directory.Delete(work, recursive: true);
        }
    }

    /// <summary>A package without a kernel of its own depends on the one that has it.</summary>
    private static async Task<string> ResolveAsync(string package, Action<string> progress, CancellationToken cancellation)
    {
        string description = await TryShowAsync(package, cancellation) ?? "";
        if (description.Length == 0)
        {
            progress("reading the lists of packages (apt-get update)");
            await ToolRun.ReadAsync("apt-get", ["-q", "update"], null, cancellation);
            description = await TryShowAsync(package, cancellation)
                ?? throw new CaissonException(ErrorKind.NotFound, $"apt has no package called {package}; give another (--package), or a kernel's file (--file)");
        }
        string? depends = description.Split('\n').FirstOrDefault(line => line.StartsWith("Depends:", StringComparison.Ordinal));
        string? image = depends?["Depends:".Length..].Split(',', StringSplitOptions.TrimEntries)
            .Select(word => word.Split(' ')[0])
            .FirstOrDefault(word => word.StartsWith("linux-image-", StringComparison.Ordinal));
        return image ?? package;
    }

    private static async Task<string?> TryShowAsync(string package, CancellationToken cancellation)
    {
        try
        {
            string text = await ToolRun.ReadAsync("apt-cache", ["show", "--no-all-versions", package], null, cancellation);
            return text.Trim().Length > 0 ? text : null;
        }
        catch (CaissonException error) when (error.Kind == ErrorKind.Internal)
        {
            return null; // it exits with 100 where there is none
        }
    }
}
