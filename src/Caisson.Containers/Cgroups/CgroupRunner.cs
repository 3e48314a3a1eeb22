using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Containers.Cgroups;

/// <summary>Carries out cgroup steps.</summary>
/// <remarks>Not for several threads at once.</remarks>
public sealed class CgroupRunner
{
    private const int MakeAttempts = 100;

    private readonly CgroupLayout _layout;
    private readonly IReadOnlyDictionary<string, string> _directories;
    private readonly List<string> _made = [];

    private CgroupRunner(CgroupLayout layout, IReadOnlyDictionary<string, string> directories) =>
        (_layout, _directories) = (layout, directories);

    /// <summary>Makes a new container's groups. On failure everything that was made is removed again.</summary>
    /// <param name="plan">What to make.</param>
    /// <param name="layout">The host's, of which the plan's facts were.</param>
    /// <returns>The directories that did not exist before, parents first: what a later removal may remove.</returns>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.FailedPrecondition"/>: processes are in the group already, or the kernel lacks what a step needs; or a <see cref="LinuxException"/>
    /// that names file and value.
    /// </exception>
    public static IReadOnlyList<string> Make(CgroupPlan plan, CgroupLayout layout)
    {
        var runner = new CgroupRunner(layout, plan.Directories());
        try
        {
            foreach (CgroupStep step in plan.Steps)
            {
                runner.Run(step);
            }
            return runner._made;
        }
        catch
        {
            Remove(runner._made);
            throw;
        }
    }

    /// <summary>Changes the limits of a container that exists.</summary>
    /// <param name="update">What to write.</param>
    /// <param name="directories">The container's, by controller.</param>
    /// <param name="layout">The host's.</param>
    public static void Change(CgroupUpdate update, IReadOnlyDictionary<string, string> directories, CgroupLayout layout)
    {
        var runner = new CgroupRunner(layout, directories);
        foreach (CgroupStep step in update.Steps)
        {
            runner.Run(step);
        }
    }

    /// <summary>Removes directories that <see cref="Make"/> returned, with the groups below the deepest of them; parents in use stay.</summary>
    /// <param name="made">As returned; those that are gone are passed over.</param>
    /// <exception cref="LinuxException"><see cref="Errno.EBUSY"/>: processes are still in the container's group.</exception>
    public static void Remove(IReadOnlyList<string> made)
    {
        for (int i = made.Count - 1; i >= 0; i--)
        {
            bool isLeaf = !made.Any(other => other.Length > made[i].Length && other.StartsWith($"{made[i]}/", StringComparison.Ordinal));
            if (isLeaf)
            {
                DirectoryAsGroup(made[i]).Delete();
            }
            else
            {
                TryRemoveEmpty(made[i]);
            }
        }
    }

    private static Cgroup DirectoryAsGroup(string directory)
    {
        int slash = directory.LastIndexOf('/');
        return Cgroup.At(new CgroupLayout(Linux.CgroupMode.Unified, [new(2, directory[..slash], [], "", null)]), directory[slash..]);
    }

    /// <summary>A parent may hold the groups of others by now; then it is theirs.</summary>
    private static void TryRemoveEmpty(string directory)
    {
        try
        {
            Directory.Delete(directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not empty, busy or gone: rmdir(2) of a group has no other meaning here.
        }
    }

    private void Run(CgroupStep step)
    {
        switch (step)
        {
            case CgroupStep.Make make:
                MakePlace(make.Place);
                break;
            case CgroupStep.InheritCpuset inherit:
                foreach (var (parent, directory) in Levels(inherit.Place))
                {
                    InheritFile(parent, directory, "cpuset.cpus");
                    InheritFile(parent, directory, "cpuset.mems");
                }
                break;
            case CgroupStep.Enable enable:
                foreach (var (parent, _) in Levels(enable.Place))
                {
                    Enable(parent, enable);
                }
                break;
            case CgroupStep.Write write:
                Write(write);
                break;
            case CgroupStep.WriteFirst first:
                Write(first.Choices.FirstOrDefault(choice => File.Exists(PathOf(choice))) ?? first.Choices[^1]);
                break;
            case CgroupStep.RequireBelow require:
                RequireBelow(require);
                break;
            case CgroupStep.AttachDeviceProgram attach:
                AttachDevices(attach);
                break;
            default:
                throw new InvalidOperationException($"no way to do {step}");
        }
    }

    /// <summary>Whoever removes the last group of a parent removes the parent too, perhaps just now: then all levels are made anew.</summary>
    private void MakePlace(CgroupPlace place)
    {
        for (int attempt = 1; !TryMakeLevels(place, attempt == MakeAttempts); attempt++)
        {
        }
        if (!_made.Contains(place.Directory) && !string.IsNullOrWhiteSpace(HostFiles.TryReadText($"{place.Directory}/cgroup.procs", 16 << 20)))
        {
            throw new CaissonException(
                ErrorKind.FailedPrecondition, $"use cgroup {place.Directory}: processes are in it already; give the container a group of its own");
        }
    }

    private bool TryMakeLevels(CgroupPlace place, bool isLast)
    {
        try
        {
            foreach (var (_, directory) in Levels(place))
            {
                if (HostFiles.TryMakeDirectory(directory, 0x1ED) && !_made.Contains(directory))
                {
                    _made.Add(directory);
                }
            }
            return true;
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENODEV && !isLast)
        {
            return false;
        }
    }

    /// <summary>Parent and directory of every level from the first below the mount point down.</summary>
    private static IEnumerable<(string Parent, string Directory)> Levels(CgroupPlace place)
    {
        string parent = place.MountPoint;
        foreach (string name in place.Path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            string directory = $"{parent}/{name}";
            yield return (parent, directory);
            parent = directory;
        }
    }

    private static void InheritFile(string parent, string directory, string file)
    {
        if (string.IsNullOrWhiteSpace(HostFiles.TryReadText($"{directory}/{file}")))
        {
            HostFiles.WriteOnce($"{directory}/{file}", (HostFiles.TryReadText($"{parent}/{file}") ?? "").Trim());
        }
    }

    private static void Enable(string parent, CgroupStep.Enable step)
    {
        string[] enabled = (HostFiles.TryReadText($"{parent}/cgroup.subtree_control") ?? "").Split([' ', '\n']);
        foreach (string controller in step.Controllers.Except(enabled))
        {
            try
            {
                HostFiles.WriteOnce($"{parent}/cgroup.subtree_control", $"+{controller}");
            }
            catch (LinuxException e) when (!step.Required.Contains(controller) && e.Errno is Errno.EBUSY or Errno.EOPNOTSUPP or Errno.ENOENT or Errno.EINVAL)
            {
                // Nothing the container asked for needs it.
            }
            catch (LinuxException e) when (e.Errno == Errno.EBUSY)
            {
                throw new CaissonException(
                    ErrorKind.FailedPrecondition,
                    $"enable cgroup controller {controller} below {parent}: processes are in that group itself, where version 2 allows none; move them to a group of their own", e);
            }
        }
    }

    private void Write(CgroupStep.Write write)
    {
        string path = PathOf(write);
        try
        {
            HostFiles.WriteOnce(path, write.Value);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT && write.Tolerance.HasFlag(CgroupTolerance.Missing))
        {
            // The kernel lacks the file, and the value is what holds without it.
        }
        catch (LinuxException e) when (e.Errno == Errno.EINVAL && write.Tolerance.HasFlag(CgroupTolerance.Again))
        {
            // The same write follows once more.
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            throw new CaissonException(
                ErrorKind.FailedPrecondition, $"set {write.File} to {write.Value}: this kernel does not offer it (no {path})", e);
        }
    }

    private void RequireBelow(CgroupStep.RequireBelow require)
    {
        string path = $"{DirectoryOf(require.Controller)}/{require.File}";
        string text = (HostFiles.TryReadText(path) ?? "0").Trim();
        if (!long.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out long value) || value >= require.Limit)
        {
            throw new CaissonException(
                ErrorKind.FailedPrecondition, $"limit {require.Limit} is not above what is in use: {path} says {text}");
        }
    }

    private static void AttachDevices(CgroupStep.AttachDeviceProgram attach)
    {
        var rules = attach.Rules.Select(rule => new DeviceRule(
            rule.Allow,
            rule.Type switch { 'c' => FileKind.CharacterDevice, 'b' => FileKind.BlockDevice, _ => FileKind.Unknown },
            rule.Major,
            rule.Minor,
            (DevicePermissions)(int)rule.Access));
        DirectoryAsGroup(attach.Place.Directory).SetDevices(DeviceAccess.Compile(rules));
    }

    private string PathOf(CgroupStep.Write write) => $"{DirectoryOf(write.Controller)}/{write.File}";

    /// <summary>Core files, and controllers that only the version 2 hierarchy names, are in the version 2 directory.</summary>
    private string DirectoryOf(string controller) =>
        _directories.TryGetValue(controller, out string? directory) || _directories.TryGetValue("", out directory)
            ? directory
            : throw new CaissonException(
                ErrorKind.FailedPrecondition, $"cgroup controller {controller}: not available on this host (mode {_layout.Mode})");
}
