using System.Collections.Immutable;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Oci.Runtime;

namespace Caisson.Containers.Launch;

/// <summary>What a launch's caller gives to it; all of it stays the caller's.</summary>
public sealed record LaunchSupplies
{
    /// <summary>The root filesystem, when the facts say that it is supplied.</summary>
    public MountTree? Root { get; init; }

    /// <summary>A user namespace with the maps of <see cref="LaunchPlan.UserMaps"/> and <see cref="LaunchPlan.GroupMaps"/>, for mounts that are mapped alike; null: made when needed.</summary>
    public UserNamespace? Owners { get; init; }

    /// <summary>Detached mounts by what stands for their source, when the facts name them; attributes are set on them.</summary>
    public IReadOnlyDictionary<string, MountTree> Mounts { get; init; } = ImmutableDictionary<string, MountTree>.Empty;

    /// <summary>Standard input, output and error, when the facts say that they are supplied.</summary>
    public ImmutableArray<Descriptor> Stdio { get; init; } = [];

    /// <summary>The gate, when the facts say that there is one: a FIFO, open for reading and writing.</summary>
    public Descriptor? StartGate { get; init; }

    /// <summary>Sources of bind mounts by destination, when the facts say that they are supplied: the file or directory, held by descriptor.</summary>
    public IReadOnlyDictionary<string, FileDescriptor> Binds { get; init; } = ImmutableDictionary<string, FileDescriptor>.Empty;

    /// <summary>A detached mount that is to be attached in a running container.</summary>
    public MountTree? Attached { get; init; }

    /// <summary>The container's first process, for an exec.</summary>
    public Pidfd? Container { get; init; }
}

/// <summary>The open descriptors that a launch plan's program inherits, in its order.</summary>
/// <remarks>Whoever opened it disposes it, any time after the launch has begun.</remarks>
public sealed class LaunchInputs : IDisposable
{
    private readonly List<Descriptor> _own = [];
    private readonly List<Descriptor> _all = [];
    private readonly Dictionary<string, UserNamespace> _maps = [];

    private LaunchInputs() { }

    /// <summary>In the order of <see cref="LaunchPlan.Inputs"/>.</summary>
    public IReadOnlyList<Descriptor> Descriptors => _all;

    /// <summary>Opens everything that <paramref name="plan"/> needs. Nothing is mounted anywhere: all mounts are detached.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="spec">What it was compiled from, resolved; null for an exec.</param>
    /// <param name="supplies">What the caller has.</param>
    public static LaunchInputs Open(LaunchPlan plan, RuntimeSpec? spec, LaunchSupplies supplies)
    {
        var inputs = new LaunchInputs();
        try
        {
            foreach (LaunchInput input in plan.Inputs)
            {
                inputs._all.Add(inputs.Open(input, plan, spec, supplies));
            }
            return inputs;
        }
        catch
        {
            inputs.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _own.ForEach(descriptor => descriptor.Dispose());

    private Descriptor Open(LaunchInput input, LaunchPlan plan, RuntimeSpec? spec, LaunchSupplies supplies) => input switch
    {
        LaunchInput.SelfProgram => Own(Memfd.CreateSealed("caisson-init", SelfProgram.ToElf(plan.Self.Encode()))),
        LaunchInput.UnifiedCgroup cgroup => Own(HostFiles.OpenDirectory(cgroup.Directory)),
        LaunchInput.Root => Given(supplies.Root, "root filesystem"),
        LaunchInput.Stdio stdio => Given(supplies.Stdio.ElementAtOrDefault(stdio.Number), $"standard descriptor {stdio.Number}"),
        LaunchInput.StartGate => Given(supplies.StartGate, "start gate"),
        LaunchInput.JoinedProcess => Given(supplies.Container, "container's process"),
        LaunchInput.JoinedNamespace joined => Own(Namespace.Open(joined.Path, joined.Kind)),
        LaunchInput.BindSource { Mount.Source: { } source } when supplies.Mounts.TryGetValue(source, out MountTree? tree) => tree,
        LaunchInput.BindSource bind => OpenBind(bind, plan, spec, supplies),
        LaunchInput.AttachedMount => Given(supplies.Attached, "mount to attach"),
        LaunchInput.CopiedTmpfs tmpfs => OpenTmpfs(tmpfs, spec, supplies),
        _ => throw new InvalidOperationException($"no way to open {input}"),
    };

    private static Descriptor Given(Descriptor? descriptor, string what) =>
        descriptor ?? throw new InvalidOperationException($"the launch needs a {what} and was given none");

    private T Own<T>(T descriptor) where T : Descriptor
    {
        _own.Add(descriptor);
        return descriptor;
    }

    private MountTree OpenBind(LaunchInput.BindSource bind, LaunchPlan plan, RuntimeSpec? spec, LaunchSupplies supplies)
    {
        Mount mount = bind.Mount;
        try
        {
            var tree = Own(supplies.Binds.TryGetValue(mount.Destination, out FileDescriptor? supplied)
                ? MountTree.Clone(supplied, bind.Recursive)
                : MountTree.Clone(mount.Source ?? "", bind.Recursive));
            if (!mount.Options.Any(IsPropagating))
            {
                tree.SetAttributes(0, propagation: MountPropagation.Private, recursive: bind.Recursive);
            }
            if (bind.Mapped)
            {
                SetIdMap(tree, bind, plan, spec, supplies);
            }
            return tree;
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            throw new CaissonException(ErrorKind.NotFound, $"/mounts/{bind.Index}/source: {mount.Source} does not exist on the host", e);
        }
    }

    private void SetIdMap(MountTree tree, LaunchInput.BindSource bind, LaunchPlan plan, RuntimeSpec? spec, LaunchSupplies supplies)
    {
        Mount mount = bind.Mount;
        UserNamespace users;
        if (!mount.UidMappings.IsEmpty)
        {
            users = MapOf([.. Maps(mount.UidMappings)], [.. Maps(mount.GidMappings)], plan, supplies);
        }
        else if (!plan.UserMaps.IsEmpty)
        {
            users = MapOf(plan.UserMaps, plan.GroupMaps, plan, supplies);
        }
        else if (spec?.Linux?.Namespace(NamespaceType.User)?.Path is { } path)
        {
            users = _maps.TryGetValue(path, out UserNamespace? opened) ? opened : _maps[path] = Own((UserNamespace)Namespace.Open(path, NamespaceKind.User));
        }
        else
        {
            throw new CaissonException(
                ErrorKind.InvalidArgument, $"/mounts/{bind.Index}/options: idmap needs mappings of the mount, or a user namespace of the container");
        }
        try
        {
            tree.SetIdMap(users, bind.RecursiveMap);
        }
        catch (LinuxException e) when (e.Errno == Errno.EINVAL)
        {
            throw new CaissonException(
                ErrorKind.FailedPrecondition, $"/mounts/{bind.Index}: the filesystem of {mount.Source} does not support id-mapped mounts", e);
        }
    }

    /// <summary>One namespace for all mounts with the same maps: each costs a process.</summary>
    private UserNamespace MapOf(ImmutableArray<IdMap> users, ImmutableArray<IdMap> groups, LaunchPlan plan, LaunchSupplies supplies)
    {
        if (supplies.Owners is { } owners && users.SequenceEqual(plan.UserMaps) && groups.SequenceEqual(plan.GroupMaps))
        {
            return owners;
        }
        string key = $"{IdMap.Format(users)}/{IdMap.Format(groups)}";
        return _maps.TryGetValue(key, out UserNamespace? known) ? known : _maps[key] = Own(UserNamespace.Create(users, groups));
    }

    private MountTree OpenTmpfs(LaunchInput.CopiedTmpfs tmpfs, RuntimeSpec? spec, LaunchSupplies supplies)
    {
        using var context = FilesystemContext.Open("tmpfs");
        foreach (string option in tmpfs.Data)
        {
            int equals = option.IndexOf('=', StringComparison.Ordinal);
            _ = equals < 0 ? context.SetFlag(option) : context.Set(option[..equals], option[(equals + 1)..]);
        }
        var tree = Own(context.Mount(tmpfs.Attributes & ~MountAttributes.ReadOnly));
        using var root = supplies.Root is { } supplied ? RootDirectory.From(supplied) : RootDirectory.Open(spec!.Root!.Path);
        using var source = root.TryOpenPath(tmpfs.Mount.Destination);
        if (source?.Status.Kind == FileKind.Directory)
        {
            using var from = root.OpenDirectory(tmpfs.Mount.Destination);
            using var to = tree.OpenRoot();
            new TreeCopy().CopyContents(from, to);
        }
        if (tmpfs.Attributes.HasFlag(MountAttributes.ReadOnly))
        {
            tree.SetAttributes(MountAttributes.ReadOnly);
        }
        return tree;
    }

    private static bool IsPropagating(string option) =>
        MountOptions.TryFind(option, out var known) && known.Propagation is (MountPropagation.Shared or MountPropagation.Slave);

    private static IdMap[] Maps(ImmutableArray<IdMapping> mappings) => [.. mappings.Select(m => new IdMap(m.ContainerId, m.HostId, m.Size))];
}
