using System.ComponentModel;
using System.Diagnostics;

using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.Volumes;

/// <summary>A file system in a sparse file: a volume that cannot outgrow its size, whatever the file system that holds the file.</summary>
internal static class VolumeImage
{
    /// <summary>Makes an empty ext4 file system of <paramref name="bytes"/>; the file takes room on disk only as it fills.</summary>
    /// <param name="directory">Where the file is made.</param>
    /// <param name="path">The file's path on the host.</param>
    /// <param name="bytes">Its size.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: this machine cannot; nothing is left but the file.</exception>
    public static void Format(DirectoryDescriptor directory, string path, long bytes)
    {
        using (FileDescriptor file = directory.CreateFile(Path.GetFileName(path), 0x180))
        {
            file.SetSize(bytes);
        }
        // The whole of it is for users; inode tables are written by the first mount, so the file stays sparse.
        Run("mkfs.ext4", ["-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", path]);
        using MountTree tree = Mount(path);
        using DirectoryDescriptor root = tree.OpenRoot();
        root.RemoveDirectory("lost+found"); // a volume begins empty; e2fsck makes it again when it needs it
    }

    /// <summary>The file system as a detached mount; at most one at a time for a file.</summary>
    public static MountTree Mount(string path)
    {
        using FileDescriptor file = HostFiles.OpenOrCreate(path, 0x180);
        using LoopDevice device = LoopDevice.Attach(file);
        try
        {
            using FilesystemContext context = FilesystemContext.Open("ext4");
            return context.Set("source", device.Path).Mount();
        }
        catch (LinuxException error)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"mount {path}: {error.Message}", error);
        }
    }

    private static void Run(string program, IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" };
        start.Environment["LC_ALL"] = "C";
        start.Environment["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin";
        try
        {
            using Process process = Process.Start(start)!;
            process.StandardInput.Close();
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            string errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            _ = output.GetAwaiter().GetResult();
            if (process.ExitCode != 0)
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, $"{program} failed with exit code {process.ExitCode}: {errors.ReplaceLineEndings("; ").Trim(' ', ';')}");
            }
        }
        catch (Win32Exception error)
        {
            throw new CaissonException(
                ErrorKind.FailedPrecondition, $"a volume with a size needs {program}, which cannot be run on this machine; install e2fsprogs, or leave the size out", error);
        }
    }
}
