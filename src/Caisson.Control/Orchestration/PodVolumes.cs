using System.Globalization;
using System.Text;

using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Objects;
using Caisson.Linux;

namespace Caisson.Control.Orchestration;

/// <summary>Volumes of pods: makes what containers mount, and takes it away with the pod.</summary>
/// <remarks>
/// Files of config maps, secrets and the downward API are below the run directory, which is in memory; a change of them is one rename of the link
/// <c>..data</c>, so that a program never sees half of it. What pods write is in volumes of the engine.
/// </remarks>
internal sealed class PodVolumes(ContainerEngine engine, string runDirectory)
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode Readable = Private | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    /// <summary>The volume of a claim: no two have the same, also where names have dashes.</summary>
    public static string VolumeOf(string space, string claim) => space.Contains('-', StringComparison.Ordinal) ? $"pvc_{space}_{claim}" : $"pvc-{space}-{claim}";

    /// <summary>What a container mounts; what is needed for it is made.</summary>
    /// <exception cref="CaissonException">A config map, secret or claim is not there, or a path of the host is not as it should be.</exception>
    public IReadOnlyList<MountRequest> Prepare(KubernetesObject pod, DocumentNode container, PodPlan.Facts facts)
    {
        List<MountRequest> mounts = [];
        foreach (DocumentNode mount in container.Field("volumeMounts").Items())
        {
            DocumentNode volume = pod.Spec.Field("volumes").Items().First(one => one.Text("name") == mount.Text("name"));
            MountRequest made = Source(pod, volume, facts) with { Target = mount.Text("mountPath") };
            made = made with { ReadOnly = made.ReadOnly || mount.Flag("readOnly") };
            string part = mount.Text("subPath") is { Length: > 0 } plain ? plain : mount.Text("subPathExpr");
            if (part.Length > 0)
            {
                if (part.StartsWith('/') || part.Split('/').Contains(".."))
                {
                    throw new CaissonException(ErrorKind.InvalidArgument, $"volume {volume.Text("name")}: '{part}' is no path within it");
                }
                made = made.Type == "volume" ? made with { VolumeOptions = (made.VolumeOptions ?? new VolumeOptions()) with { Subpath = part } }
                    : IsOurs(volume) && volume.Field("emptyDir") is null ? made with { Source = $"{made.Source}/{part}" }
                    : throw new CaissonException(ErrorKind.InvalidArgument, $"volume {volume.Text("name")}: a subPath of a directory that programs write would follow their links out of it; mount it whole");
                if (made.Type == "volume" && engine.Services.Volumes.TryFind(made.Source) is not null)
                {
                    using RootDirectory data = RootDirectory.Open(engine.Services.Volumes.DataPath(made.Source));
                    data.CreateDirectories(part).Dispose(); // as a kubelet makes it, and no link leads out
                }
            }
            if (mount.Text("mountPropagation") is { Length: > 0 } propagation && made.Type == "bind")
            {
                made = made with { BindOptions = (made.BindOptions ?? new BindOptions()) with { Propagation = propagation switch { "Bidirectional" => "rshared", "HostToContainer" => "rslave", _ => "rprivate" } } };
            }
            mounts.Add(made);
        }
        return mounts;
    }

    /// <summary>Writes the files of a pod's volumes anew, as after a change of a config map.</summary>
    public void Refresh(KubernetesObject pod, PodPlan.Facts facts)
    {
        foreach (DocumentNode volume in pod.Spec.Field("volumes").Items().Where(volume => Directory.Exists(PathOf(pod, volume)) && IsOurs(volume) && volume.Field("emptyDir") is null))
        {
            _ = Source(pod, volume, facts);
        }
    }

    /// <summary>Removes what was made for a pod and is its alone.</summary>
    public void Remove(string uid)
    {
        string directory = $"{runDirectory}/pods/{uid}";
        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }
        foreach (VolumeRecord volume in engine.Services.Volumes.List().Where(volume => volume.Name.StartsWith($"pod-{uid}-", StringComparison.Ordinal)))
        {
            _ = engine.Services.Volumes.Remove(volume.Name, force: true);
        }
    }

    /// <summary>Pods that something was made for.</summary>
    public IEnumerable<string> Known() => Directory.Exists($"{runDirectory}/pods") ? Directory.EnumerateDirectories($"{runDirectory}/pods").Select(path => Path.GetFileName(path)) : [];

    private static bool IsOurs(DocumentNode volume) => volume.Field("hostPath") is null && volume.Field("persistentVolumeClaim") is null;

    private string PathOf(KubernetesObject pod, DocumentNode volume) => $"{runDirectory}/pods/{pod.Uid}/{volume.Text("name")}";

    private MountRequest Source(KubernetesObject pod, DocumentNode volume, PodPlan.Facts facts)
    {
        if (volume.Field("hostPath") is { } host)
        {
            return HostPath(host.Text("path"), host.Text("type"));
        }
        if (volume.Field("persistentVolumeClaim") is { } claim)
        {
            string name = claim.Text("claimName");
            if (facts.Objects("PersistentVolumeClaim", name) is null)
            {
                throw new CaissonException(ErrorKind.NotFound, $"persistentvolumeclaim \"{name}\" not found");
            }
            return new MountRequest { Type = "volume", Source = VolumeOf(pod.Namespace, name), ReadOnly = claim.Flag("readOnly") };
        }
        if (volume.Field("configMap") is { } map)
        {
            return Files(pod, volume, FilesOf(facts, "ConfigMap", map.Text("name"), map), map.Whole("defaultMode"));
        }
        if (volume.Field("secret") is { } secret)
        {
            return Files(pod, volume, FilesOf(facts, "Secret", secret.Text("secretName"), secret), secret.Whole("defaultMode"));
        }
        if (volume.Field("downwardAPI") is { } downward)
        {
            return Files(pod, volume, DownwardOf(pod, downward, facts), downward.Whole("defaultMode"));
        }
        if (volume.Field("projected") is { } projected)
        {
            IEnumerable<OneFile> files = projected.Field("sources").Items().SelectMany(source =>
                source.Field("configMap") is { } one ? FilesOf(facts, "ConfigMap", one.Text("name"), one)
                : source.Field("secret") is { } other ? FilesOf(facts, "Secret", other.Text("name"), other)
                : source.Field("downwardAPI") is { } api ? DownwardOf(pod, api, facts)
                : []);
            return Files(pod, volume, files, projected.Whole("defaultMode"));
        }
        if (volume.At("emptyDir").Text("medium") == "Memory")
        {
            string path = PathOf(pod, volume);
            Directory.CreateDirectory($"{runDirectory}/pods/{pod.Uid}", Readable);
            Directory.CreateDirectory(path, Private);
            File.SetUnixFileMode(path, Readable | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite);
            return new MountRequest { Type = "bind", Source = path };
        }
        string named = $"pod-{pod.Uid}-{volume.Text("name")}";
        if (engine.Services.Volumes.TryFind(named) is null)
        {
            VolumeRecord made = engine.Services.Volumes.Create(new VolumeCreate { Name = named });
            File.SetUnixFileMode(engine.Services.Volumes.DataPath(made.Name), Readable | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite);
        }
        return new MountRequest { Type = "volume", Source = named, VolumeOptions = new VolumeOptions { NoCopy = true } };
    }

    private readonly record struct OneFile(string Path, byte[] Content, long? Mode);

    private static IEnumerable<OneFile> FilesOf(PodPlan.Facts facts, string kind, string name, DocumentNode source)
    {
        if (facts.Objects(kind, name) is not { } one)
        {
            if (source.Flag("optional"))
            {
                yield break;
            }
            throw new CaissonException(ErrorKind.NotFound, $"{kind.ToLowerInvariant()} \"{name}\" not found");
        }
        if (!source.Field("items").Items().Any())
        {
            foreach (string key in PodPlan.KeysOf(one))
            {
                yield return new(key, PodPlan.ContentOf(one, key)!, null);
            }
            yield break;
        }
        foreach (DocumentNode item in source.Field("items").Items())
        {
            byte[]? content = PodPlan.ContentOf(one, item.Text("key"));
            if (content is not null)
            {
                yield return new(item.Text("path"), content, item.Whole("mode"));
            }
            else if (!source.Flag("optional"))
            {
                throw new CaissonException(ErrorKind.NotFound, $"{kind.ToLowerInvariant()} \"{name}\" has no key '{item.Text("key")}'");
            }
        }
    }

    private static IEnumerable<OneFile> DownwardOf(KubernetesObject pod, DocumentNode source, PodPlan.Facts facts) => source.Field("items").Items().Select(item => new OneFile(
        item.Text("path"),
        Encoding.UTF8.GetBytes(item.Field("fieldRef") is { } field ? PodPlan.FieldOf(pod, field.Text("fieldPath"), facts) : PodPlan.ResourceOf(pod, item.Field("resourceFieldRef")!, null, facts)),
        item.Whole("mode")));

    private MountRequest Files(KubernetesObject pod, DocumentNode volume, IEnumerable<OneFile> files, long? mode)
    {
        string directory = PathOf(pod, volume);
        Directory.CreateDirectory($"{runDirectory}/pods/{pod.Uid}", Readable);
        Directory.CreateDirectory(directory, Readable);
        string version = "..v" + DateTime.UtcNow.Ticks.ToString(CultureInfo.InvariantCulture);
        string fresh = $"{directory}/{version}";
        Directory.CreateDirectory(fresh, Readable);
        HashSet<string> tops = [];
        foreach (OneFile file in files)
        {
            string[] parts = file.Path.Split('/');
            if (file.Path.StartsWith('/') || parts.Any(part => part is "" or "." or ".."))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"volume {volume.Text("name")}: '{file.Path}' is no path within it");
            }
            string path = $"{fresh}/{file.Path}";
            Directory.CreateDirectory(Path.GetDirectoryName(path)!, Readable);
            File.WriteAllBytes(path, file.Content);
            File.SetUnixFileMode(path, (UnixFileMode)((file.Mode ?? mode ?? 0x1A4) & 0x1FF)); // 0644
            tops.Add(parts[0]);
        }
        string link = $"{directory}/..data";
        string? before = new DirectoryInfo(link).LinkTarget;
        File.Delete(link + ".new");
        File.CreateSymbolicLink(link + ".new", version);
        using (DirectoryDescriptor parent = HostFiles.OpenDirectory(directory))
        {
            parent.Rename("..data.new", parent, "..data"); // the link itself, which File.Move takes for the directory it leads to
        }
        foreach (string top in tops.Where(top => !Path.Exists($"{directory}/{top}")))
        {
            File.Delete($"{directory}/{top}");
            File.CreateSymbolicLink($"{directory}/{top}", $"..data/{top}");
        }
        foreach (string gone in Directory.EnumerateFileSystemEntries(directory).Select(path => Path.GetFileName(path)).Where(name => !name.StartsWith("..", StringComparison.Ordinal) && !tops.Contains(name)))
        {
            File.Delete($"{directory}/{gone}");
        }
        if (before is not null && before != version && Directory.Exists($"{directory}/{before}"))
        {
            Directory.Delete($"{directory}/{before}", recursive: true);
        }
        return new MountRequest { Type = "bind", Source = directory, ReadOnly = true };
    }

    private static MountRequest HostPath(string path, string type)
    {
        bool isDirectory = Directory.Exists(path);
        bool exists = isDirectory || File.Exists(path);
        switch (type)
        {
            case "DirectoryOrCreate" when !exists:
                Directory.CreateDirectory(path, Readable);
                break;
            case "FileOrCreate" when !exists:
                File.WriteAllBytes(path, []);
                break;
            case "Directory" or "DirectoryOrCreate" when exists && !isDirectory:
            case "File" or "FileOrCreate" when isDirectory:
            case "Directory" or "File" or "Socket" or "CharDevice" or "BlockDevice" when !exists:
                throw new CaissonException(ErrorKind.FailedPrecondition, $"hostPath type check failed: {path} is not a {type}");
        }
        return new MountRequest { Type = "bind", Source = path, BindOptions = new BindOptions { CreateMountpoint = true } };
    }
}
