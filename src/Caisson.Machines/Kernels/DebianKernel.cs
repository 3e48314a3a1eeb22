using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Processes;

namespace Caisson.Machines.Kernels;

/// <summary>Gets Debian's kernel for machines of clouds: apt finds, downloads and verifies the package, and nothing of it is installed on this host.</summary>
/// <remarks>
/// Packages of another architecture are found with lists of their own, which go when that is done: what the host's own apt knows does not change.
/// Source: apt-get(8), apt-cache(8), apt.conf(5), dpkg-deb(1).
/// </remarks>
public static class DebianKernel
{
    /// <summary>The package that always names the newest.</summary>
    public static string DefaultPackage(KernelArchitecture architecture) => $"linux-image-cloud-{architecture.Name()}";

    /// <summary>Downloads and takes in the kernel of <paramref name="package"/>.</summary>
    /// <param name="store">Gets it.</param>
    /// <param name="package">A package with a kernel, or one that depends on it.</param>
    /// <param name="architecture">Of the package.</param>
    /// <param name="directory">A directory of the engine's own, for what is only needed meanwhile.</param>
    /// <param name="progress">Told what is done.</param>
    /// <param name="cancellation">Ends the work; nothing is left.</param>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.NotFound"/>: apt has no such package; <see cref="ErrorKind.FailedPrecondition"/>: this machine has no apt.
    /// </exception>
    public static async Task<MachineKernel> InstallAsync(
        KernelStore store, string package, KernelArchitecture architecture, string directory, Action<string> progress, CancellationToken cancellation)
    {
        if (package.Length == 0 || package[0] == '-' || !package.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '+'))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"'{package}' is not the name of a Debian package");
        }
        string work = Path.Join(directory, $"kernel-{Guid.NewGuid():n}");
        Directory.CreateDirectory(work, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        try
        {
            // As root, since the directory is for nobody else; apt checks what it gets against the signed lists all the same.
            string[] options = ["-q", "-o", "APT::Sandbox::User=root"];
            if (architecture != KernelArchitectures.Own)
            {
                progress($"reading the lists of packages for {architecture.Name()} (apt-get update)");
                options = [.. options, "-c", await WriteSettingsAsync(work, architecture, cancellation)];
                await ToolRun.ReadAsync("apt-get", [.. options, "update"], work, cancellation);
            }
            progress($"looking for {package}");
            string real = await ResolveAsync(package, options, progress, cancellation);
            progress($"downloading {real}");
            await ToolRun.ReadAsync("apt-get", [.. options, "download", real], work, cancellation);
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

    /// <summary>Settings with which apt has this host's sources, and lists for <paramref name="architecture"/> below <paramref name="work"/>.</summary>
    private static async Task<string> WriteSettingsAsync(string work, KernelArchitecture architecture, CancellationToken cancellation)
    {
        string state = Path.Join(work, "apt");
        foreach (string name in (string[])["lists/partial", "cache/archives/partial"])
        {
            Directory.CreateDirectory(Path.Join(state, name));
        }
        await File.WriteAllTextAsync(Path.Join(state, "status"), "", cancellation);
        string path = Path.Join(state, "settings");
        await File.WriteAllTextAsync(
            path,
            $$"""
            APT::Architecture "{{architecture.Name()}}";
            APT::Architectures { "{{architecture.Name()}}"; };
            Acquire::Languages "none";
            Dir::State "{{state}}";
            Dir::State::status "{{state}}/status";
            Dir::Cache "{{state}}/cache";

            """,
            cancellation);
        return path;
    }

    /// <summary>A package without a kernel of its own depends on the one that has it.</summary>
    private static async Task<string> ResolveAsync(string package, string[] options, Action<string> progress, CancellationToken cancellation)
    {
        string description = await TryShowAsync(package, options, cancellation) ?? "";
        if (description.Length == 0)
        {
            progress("reading the lists of packages (apt-get update)");
            await ToolRun.ReadAsync("apt-get", [.. options, "update"], null, cancellation);
            description = await TryShowAsync(package, options, cancellation)
                ?? throw new CaissonException(ErrorKind.NotFound, $"apt has no package called {package}; give another (--package)");
        }
        string? depends = description.Split('\n').FirstOrDefault(line => line.StartsWith("Depends:", StringComparison.Ordinal));
        string? image = depends?["Depends:".Length..].Split(',', StringSplitOptions.TrimEntries)
            .Select(word => word.Split(' ')[0])
            .FirstOrDefault(word => word.StartsWith("linux-image-", StringComparison.Ordinal));
        return image ?? package;
    }

    private static async Task<string?> TryShowAsync(string package, string[] options, CancellationToken cancellation)
    {
        try
        {
            string text = await ToolRun.ReadAsync("apt-cache", [.. options, "show", "--no-all-versions", package], null, cancellation);
            return text.Trim().Length > 0 ? text : null;
        }
        catch (CaissonException error) when (error.Kind == ErrorKind.Internal)
        {
            return null; // it exits with 100 where there is none
        }
    }
}
