using System.Globalization;

using Caisson.Containers.State;
using Caisson.Linux;

namespace Caisson.Control.Hosting;

/// <summary>The directory of one monitored process: monitor socket, exit record, where its cgroup is, which process it is.</summary>
/// <param name="Path">Absolute.</param>
internal sealed record RunDirectory(string Path)
{
    /// <summary>Others may pass, because a process in a user namespace walks to its root; what is inside is the owner's alone.</summary>
    private const UnixFileMode Passable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <summary>The empty directory on which the root filesystem is put, in the container's own mount namespace.</summary>
    public string RootPath => $"{Path}/rootfs";

    /// <summary>Where the container's cgroup is in every hierarchy; null when it is not written down.</summary>
    public string? CgroupPath => HostFiles.TryReadText($"{Path}/cgroup")?.TrimEnd('\n');

    /// <summary>Whether there is one.</summary>
    public bool Exists => Directory.Exists(Path);

    /// <summary>Makes it, empty but for the place of the root.</summary>
    public void Create()
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!, Passable);
        Directory.CreateDirectory(Path, Passable);
        Directory.CreateDirectory(RootPath, Passable);
    }

    /// <summary>Notes the cgroup.</summary>
    public void WriteCgroup(string path) => File.WriteAllText($"{Path}/cgroup", path + "\n");

    /// <summary>Notes which process it is, so that a later one of the same number is not taken for it.</summary>
    public void WriteProcess(int pid)
    {
        ulong start = ProcessSnapshot.Read(pid)?.StartTime ?? 0;
        File.WriteAllText($"{Path}/process", string.Create(CultureInfo.InvariantCulture, $"{pid} {start} {ProcessSnapshot.ReadBootId()}\n"));
    }

    /// <summary>The process that was noted, with a hold on it while it is the same one; null when none was noted.</summary>
    public (int Pid, Pidfd? Process)? OpenProcess()
    {
        string[] fields = (HostFiles.TryReadText($"{Path}/process") ?? "").TrimEnd('\n').Split(' ');
        if (fields.Length != 3
            || !int.TryParse(fields[0], CultureInfo.InvariantCulture, out int pid)
            || !ulong.TryParse(fields[1], CultureInfo.InvariantCulture, out ulong start))
        {
            return null;
        }
        if (fields[2] != ProcessSnapshot.ReadBootId() || Pidfd.TryOpen(pid) is not { } process)
        {
            return (pid, null);
        }
        if (ProcessSnapshot.Read(pid)?.StartTime == start)
        {
            return (pid, process);
        }
        process.Dispose();
        return (pid, null);
    }

    /// <summary>Removes it with all that is in it; no error when it is gone.</summary>
    public void Delete()
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                Directory.Delete(Path, recursive: true);
                return;
            }
            catch (DirectoryNotFoundException) when (!Exists)
            {
                return;
            }
            catch (IOException) when (attempt < 3)
            {
                // A monitor that is ending takes its socket away at the same time.
            }
        }
    }
}
