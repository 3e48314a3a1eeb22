using System.Globalization;
using Caisson.Errors;

namespace Caisson.Linux;

/// <summary>One control group of ours: the same path in every hierarchy of the host, whatever their version. Source: cgroups(7).</summary>
/// <remarks>
/// Holds nothing open: it is a name. All changes are below its path, which is below a directory of ours; but on version 2
/// the controllers are turned on for the children of its ancestors.
/// </remarks>
public sealed partial class Cgroup
{
    private readonly CgroupLayout _layout;

    private Cgroup(CgroupLayout layout, string path) => (_layout, Path) = (layout, path);

    /// <summary>Where it is in every hierarchy, such as <c>/caisson/4f2a</c>.</summary>
    public string Path { get; }

    /// <summary>The group at <paramref name="path"/>, which may or may not exist.</summary>
    /// <param name="layout">The host's.</param>
    /// <param name="path">Absolute, from the mount points; at least one name, and no empty name, <c>.</c> or <c>..</c>.</param>
    public static Cgroup At(CgroupLayout layout, string path)
    {
        bool sound = path.Length > 1 && path[0] == '/' && path[1..].Split('/').All(name => name is not ("" or "." or ".."));
        return sound
            ? new(layout, path)
            : throw new CaissonException(ErrorKind.InvalidArgument, $"cgroup path \"{path}\": must be absolute and made of plain names");
    }

    /// <summary>Creates the group with its parents in every hierarchy; on failure nothing that this call made is left.</summary>
    /// <remarks>Version 1 <c>cpuset</c> gets its parent's cpus and memory nodes, without which no process can join.</remarks>
    /// <exception cref="LinuxException"><see cref="Errno.EEXIST"/>: the group exists in some hierarchy.</exception>
    public static Cgroup Create(CgroupLayout layout, string path)
    {
        var cgroup = At(layout, path);
        List<string> made = [];
        try
        {
            foreach (CgroupHierarchy hierarchy in layout.Hierarchies)
            {
                cgroup.CreateIn(hierarchy, made);
            }
            return cgroup;
        }
        catch
        {
            for (int i = made.Count - 1; i >= 0; i--)
            {
                CgroupFiles.TryRemoveDirectory(made[i], out _);
            }
            throw;
        }
    }

    /// <summary>Whether it exists in any hierarchy.</summary>
    public bool Exists => _layout.Hierarchies.Any(hierarchy => CgroupFiles.Exists(DirectoryIn(hierarchy)));

    /// <summary>The files to which a process writes <c>0</c> to join the group, one a hierarchy.</summary>
    public IReadOnlyList<string> JoinFiles => [.. _layout.Hierarchies.Select(hierarchy => $"{DirectoryIn(hierarchy)}/cgroup.procs")];

    /// <summary>The directory in the hierarchy of <paramref name="controller"/> (empty: version 2); null when there is no such hierarchy.</summary>
    public string? DirectoryOf(string controller) => _layout.Find(controller) is { } hierarchy ? DirectoryIn(hierarchy) : null;

    /// <summary>Moves a process into the group, in every hierarchy.</summary>
    public void Add(int pid)
    {
        string text = pid.ToString(CultureInfo.InvariantCulture);
        foreach (string file in JoinFiles)
        {
            HostFiles.WriteOnce(file, text);
        }
    }

    /// <summary>Makes the writes in order. What is refused with EINVAL or EBUSY is tried once more at the end: limits that bound each other can so be given in any order.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: a controller or file is missing on this host.</exception>
    /// <exception cref="LinuxException">The kernel refused a value; the message names file and value.</exception>
    public void Apply(IEnumerable<CgroupSetting> settings)
    {
        List<CgroupSetting> again = [];
        foreach (CgroupSetting setting in settings)
        {
            try
            {
                Apply(setting);
            }
            catch (LinuxException e) when (e.Errno is Errno.EINVAL or Errno.EBUSY)
            {
                again.Add(setting);
            }
        }
        again.ForEach(Apply);
    }

    /// <summary>The text of a file of the group; null when the controller or the file is missing.</summary>
    public string? Read(string controller, string file) =>
        DirectoryOf(controller) is { } directory ? HostFiles.TryReadText($"{directory}/{file}") : null;

    /// <summary>The processes in the group and in groups below it, each once, as pids of the caller's pid namespace.</summary>
    public IReadOnlyList<int> ProcessIds()
    {
        HashSet<int> pids = [];
        if (Main is { } hierarchy)
        {
            Collect(DirectoryIn(hierarchy), pids);
        }
        return [.. pids];
    }

    /// <inheritdoc/>
    public override string ToString() => $"cgroup {Path}";

    /// <summary>The hierarchy that is asked about processes: version 2 if there is one.</summary>
    private CgroupHierarchy? Main => _layout.Unified ?? _layout.Find("freezer") ?? _layout.Hierarchies.FirstOrDefault();

    private string DirectoryIn(CgroupHierarchy hierarchy) => hierarchy.MountPoint + Path;

    private void Apply(CgroupSetting setting)
    {
        var hierarchy = _layout.Require(setting.Controller);
        try
        {
            HostFiles.WriteOnce($"{DirectoryIn(hierarchy)}/{setting.File}", setting.Value);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT && Exists)
        {
            throw new CaissonException(
                ErrorKind.FailedPrecondition, $"set {setting.File} of {this}: this kernel does not offer it (controller {setting.Controller})", e);
        }
    }

    private void CreateIn(CgroupHierarchy hierarchy, List<string> made)
    {
        string[] names = Path[1..].Split('/');
        string parent = hierarchy.MountPoint;
        for (int i = 0; i < names.Length; i++)
        {
            if (_layout.Mode == CgroupMode.Unified)
            {
                EnableControllers(parent);
            }
            string directory = $"{parent}/{names[i]}";
            if (HostFiles.TryMakeDirectory(directory, 0x1ED))
            {
                made.Add(directory);
            }
            else if (i == names.Length - 1)
            {
                throw new LinuxException("mkdir", Errno.EEXIST, directory);
            }
            if (hierarchy.Version == 1 && hierarchy.Controllers.Contains("cpuset"))
            {
                InheritCpuset(parent, directory, "cpuset.cpus");
                InheritCpuset(parent, directory, "cpuset.mems");
            }
            parent = directory;
        }
    }

    private static void InheritCpuset(string parent, string directory, string file)
    {
        if (string.IsNullOrWhiteSpace(HostFiles.TryReadText($"{directory}/{file}")))
        {
            HostFiles.WriteOnce($"{directory}/{file}", (HostFiles.TryReadText($"{parent}/{file}") ?? "").Trim());
        }
    }

    /// <summary>Version 2: offers all controllers of <paramref name="directory"/> to its children.</summary>
    private static void EnableControllers(string directory)
    {
        string[] enabled = Words(HostFiles.TryReadText($"{directory}/cgroup.subtree_control"));
        foreach (string controller in Words(HostFiles.TryReadText($"{directory}/cgroup.controllers")).Except(enabled))
        {
            try
            {
                HostFiles.WriteOnce($"{directory}/cgroup.subtree_control", $"+{controller}");
            }
            catch (LinuxException e) when (e.Errno == Errno.EBUSY)
            {
                throw new CaissonException(
                    ErrorKind.FailedPrecondition,
                    $"enable cgroup controller {controller} below {directory}: processes are in that group itself, where version 2 allows none; move them to a group of their own", e);
            }
            catch (LinuxException e) when (e.Errno is Errno.EOPNOTSUPP or Errno.ENOENT or Errno.EINVAL)
            {
                // A controller that threaded groups or real-time processes exclude; whoever sets its files is told then.
            }
        }
    }

    private static void Collect(string directory, HashSet<int> pids)
    {
        foreach (string word in Words(CgroupFiles.ReadProcesses(directory)))
        {
            if (int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int pid) && pid > 0)
            {
                pids.Add(pid);
            }
        }
        foreach (string child in CgroupFiles.Children(directory))
        {
            Collect($"{directory}/{child}", pids);
        }
    }

    private static string[] Words(string? text) => (text ?? "").Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
}
