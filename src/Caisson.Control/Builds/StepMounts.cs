using System.Globalization;

using Caisson.Build.Instructions;
using Caisson.Build.Plans;
using Caisson.Control.Volumes;
using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.Builds;

/// <summary>What a step has mounted, and what that needs until it has ended.</summary>
internal sealed class StepMounts : IDisposable
{
    private readonly Stack<IDisposable> _held = new();
    private readonly string _secretDirectory;

    /// <param name="secretDirectory">In memory; made when the first secret is written, removed at the end.</param>
    public StepMounts(string secretDirectory) => _secretDirectory = secretDirectory;

    /// <summary>The mounts.</summary>
    public List<ContainerMount> Mounts { get; } = [];

    /// <summary>Mounts that were made for this step, by the source that stands for them.</summary>
    public Dictionary<string, MountTree> Supplied { get; } = [];

    /// <summary>Variables that secrets are given in.</summary>
    public List<string> Variables { get; } = [];

    /// <summary>Keeps something until the end.</summary>
    public T Hold<T>(T value) where T : IDisposable
    {
        _held.Push(value);
        return value;
    }

    /// <summary>Mounts a tree that was made for this step.</summary>
    public void AddTree(MountTree tree, string target, bool readOnly)
    {
        string source = string.Create(CultureInfo.InvariantCulture, $"/caisson:build-{Supplied.Count}");
        Supplied[source] = Hold(tree);
        Mounts.Add(new ContainerMount { Type = "bind", Source = source, Target = target, ReadOnly = readOnly, NonRecursive = true });
    }

    /// <summary>Gives a secret as a file, a variable or both.</summary>
    /// <param name="mount">As asked for.</param>
    /// <param name="directory">The step's working directory.</param>
    /// <param name="content">The secret; null when the build has none of that name.</param>
    /// <param name="firstId">The host's id of the container's root.</param>
    public void AddSecret(RunMount mount, string directory, byte[]? content, uint firstId)
    {
        if (content is null)
        {
            if (mount.Required)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"the step needs the secret '{mount.Id}'; give it with --secret id={mount.Id},src=FILE");
            }
            return;
        }
        if (mount.Variable is { } variable)
        {
            Variables.Add($"{variable}={System.Text.Encoding.UTF8.GetString(content)}");
        }
        if (mount.Target.Length == 0)
        {
            return;
        }
        Directory.CreateDirectory(_secretDirectory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        string name = Mounts.Count.ToString(CultureInfo.InvariantCulture);
        using (DirectoryDescriptor secrets = HostFiles.OpenDirectory(_secretDirectory))
        using (FileDescriptor file = secrets.CreateFile(name, 0x180))
        {
            file.Write(content);
            file.ChangeOwner(firstId + mount.UserId, firstId + mount.GroupId);
            file.ChangeMode(mount.Mode ?? 0x100);
        }
        Mounts.Add(new ContainerMount { Type = "bind", Source = $"{_secretDirectory}/{name}", Target = StepPath.Join(directory, mount.Target), ReadOnly = true });
    }

    /// <summary>Mounts an empty file system in memory.</summary>
    public void AddTmpfs(RunMount mount, string directory) => Mounts.Add(new ContainerMount
    {
        Type = "tmpfs",
        Target = StepPath.Join(directory, mount.Target),
        Options = mount.SizeBytes is { } size ? ["exec", string.Create(CultureInfo.InvariantCulture, $"size={size}")] : ["exec"],
    });

    /// <inheritdoc/>
    public void Dispose()
    {
        while (_held.TryPop(out IDisposable? held))
        {
            held.Dispose();
        }
        if (Directory.Exists(_secretDirectory))
        {
            Directory.Delete(_secretDirectory, recursive: true);
        }
    }
}
