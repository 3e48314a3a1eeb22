using System.Globalization;

using Caisson.Control.Model;
using Caisson.Control.Sandboxes;
using Caisson.Control.Workloads;
using Caisson.Images;
using Caisson.Oci;

using Google.Protobuf.Collections;

namespace Caisson.Api.Cri;

/// <summary>What the engine knows, in the words of the interface. Source: the Container Runtime Interface, v1.</summary>
internal static class CriAnswers
{
    private const int StartFailed = 128;

    /// <summary>A moment in nanoseconds of Unix' time; 0 for none.</summary>
    public static long Time(DateTimeOffset? at) => at is { } moment ? (moment.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) * 100 : 0;

    /// <summary>A sandbox in a list.</summary>
    public static V1.PodSandbox Listed(PodSandbox sandbox)
    {
        SandboxRecord record = sandbox.Record;
        var listed = new V1.PodSandbox
        {
            Id = record.Id,
            Metadata = Metadata(record.Request.Identity),
            State = StateOf(sandbox),
            CreatedAt = Time(record.Created),
            RuntimeHandler = record.Request.Handler,
        };
        Copy(record.Request.Labels, listed.Labels);
        Copy(record.Request.Annotations, listed.Annotations);
        return listed;
    }

    /// <summary>A sandbox by itself.</summary>
    public static V1.PodSandboxStatus Status(PodSandbox sandbox)
    {
        SandboxRecord record = sandbox.Record;
        var status = new V1.PodSandboxStatus
        {
            Id = record.Id,
            Metadata = Metadata(record.Request.Identity),
            State = StateOf(sandbox),
            CreatedAt = Time(record.Created),
            RuntimeHandler = record.Request.Handler,
            Network = new V1.PodSandboxNetworkStatus(),
            Linux = new V1.LinuxPodSandboxStatus
            {
                Namespaces = new V1.Namespace { Options = Config(record).Linux?.SecurityContext?.NamespaceOptions ?? new V1.NamespaceOption() },
            },
        };
        if (sandbox.Addresses is [var first, ..] all)
        {
            status.Network.Ip = first;
            status.Network.AdditionalIps.Add(all.Skip(1).Select(other => new V1.PodIP { Ip = other }));
        }
        Copy(record.Request.Labels, status.Labels);
        Copy(record.Request.Annotations, status.Annotations);
        return status;
    }

    /// <summary>Adds all pairs.</summary>
    public static void Copy(IReadOnlyDictionary<string, string> from, MapField<string, string> to)
    {
        foreach ((string key, string value) in from)
        {
            to[key] = value;
        }
    }

    /// <summary>The document that a sandbox was asked for with.</summary>
    public static V1.PodSandboxConfig Config(SandboxRecord record) => V1.PodSandboxConfig.Parser.ParseFrom(record.Request.Document);

    /// <summary>The document that a container was asked for with.</summary>
    public static V1.ContainerConfig Config(SandboxContainerRecord record) => V1.ContainerConfig.Parser.ParseFrom(record.Document);

    /// <summary>Where a container is.</summary>
    public static V1.ContainerState StateOf(Workload workload) => workload.Status switch
    {
        { Phase: ContainerPhase.Running or ContainerPhase.Paused or ContainerPhase.Restarting } => V1.ContainerState.ContainerRunning,
        { Phase: ContainerPhase.Created, Error.Length: 0 } => V1.ContainerState.ContainerCreated,
        _ => V1.ContainerState.ContainerExited,
    };

    /// <summary>A container in a list.</summary>
    public static V1.Container Listed(SandboxContainerRecord record, Workload workload)
    {
        var listed = new V1.Container
        {
            Id = record.Id,
            PodSandboxId = record.SandboxId,
            Metadata = new V1.ContainerMetadata { Name = record.Name, Attempt = record.Attempt },
            Image = new V1.ImageSpec { Image = workload.Record.Config.Image },
            ImageRef = workload.Record.ImageId,
            ImageId = workload.Record.ImageId,
            State = StateOf(workload),
            CreatedAt = Time(record.Created),
        };
        Copy(record.Labels, listed.Labels);
        Copy(record.Annotations, listed.Annotations);
        return listed;
    }

    /// <summary>A container by itself.</summary>
    /// <param name="record">What it is for the pod.</param>
    /// <param name="workload">What it is for the engine.</param>
    /// <param name="images">Finds names of its image.</param>
    public static V1.ContainerStatus Status(SandboxContainerRecord record, Workload workload, ImageStore images)
    {
        V1.ContainerConfig config = Config(record);
        ContainerStatus observed = workload.Status;
        V1.ContainerState state = StateOf(workload);
        bool neverRan = observed.Phase == ContainerPhase.Created && observed.Error.Length > 0;
        var status = new V1.ContainerStatus
        {
            Id = record.Id,
            Metadata = new V1.ContainerMetadata { Name = record.Name, Attempt = record.Attempt },
            State = state,
            CreatedAt = Time(record.Created),
            StartedAt = state == V1.ContainerState.ContainerCreated ? 0 : Time(observed.StartedAt),
            Image = new V1.ImageSpec { Image = config.Image?.Image ?? "", UserSpecifiedImage = config.Image?.UserSpecifiedImage ?? "" },
            ImageRef = workload.Record.ImageId,
            ImageId = workload.Record.ImageId,
            LogPath = workload.Record.LogFile,
            Resources = new V1.ContainerResources { Linux = config.Linux?.Resources },
            User = UserOf(workload.Record),
            StopSignal = config.StopSignal,
        };
        if (images.Snapshots.Find(record.Id) is { } root && images.TryFind(root.Record.Manifest) is { } image)
        {
            (IReadOnlyList<string> tags, IReadOnlyList<string> digests) = NamesOf(image);
            status.Image.Image = tags.Count > 0 ? tags[0] : status.Image.Image;
            status.ImageRef = digests.Count > 0 ? digests[0] : status.ImageRef;
        }
        if (state == V1.ContainerState.ContainerExited)
        {
            status.FinishedAt = Time(observed.FinishedAt ?? record.Created);
            status.ExitCode = neverRan ? StartFailed : observed.ExitCode;
            status.Reason = neverRan ? "StartError" : observed.OomKilled ? "OOMKilled" : observed.ExitCode == 0 ? "Completed" : "Error";
            status.Message = observed.Error;
        }
        Copy(record.Labels, status.Labels);
        Copy(record.Annotations, status.Annotations);
        status.Mounts.Add(config.Mounts);
        return status;
    }

    /// <summary>An image.</summary>
    public static V1.Image Image(Image image)
    {
        (IReadOnlyList<string> tags, IReadOnlyList<string> digests) = NamesOf(image);
        var answer = new V1.Image { Id = image.Id.ToString(), Size = (ulong)(image.UnpackedBytes ?? image.StoredBytes), Spec = new V1.ImageSpec { Image = image.Id.ToString() } };
        answer.RepoTags.Add(tags);
        answer.RepoDigests.Add(digests);
        string user = (image.Execution.User ?? "").Split(':')[0];
        if (uint.TryParse(user, NumberStyles.None, CultureInfo.InvariantCulture, out uint uid))
        {
            answer.Uid = new V1.Int64Value { Value = uid };
        }
        else if (user.Length > 0)
        {
            answer.Username = user;
        }
        else
        {
            answer.Uid = new V1.Int64Value();
        }
        return answer;
    }

    /// <summary>Names in full: those with a tag, and those with a digest.</summary>
    private static (IReadOnlyList<string> Tags, IReadOnlyList<string> Digests) NamesOf(Image image)
    {
        Reference[] names = [.. image.Record.Names.Select(Reference.Parse)];
        return ([.. names.Where(name => name.Tag is not null).Select(name => name.ToString())], [.. names.Where(name => name.Digest is not null).Select(name => name.ToString())]);
    }

    /// <summary>Who the program is, where that was said in numbers; null where only the image knows.</summary>
    private static V1.ContainerUser? UserOf(ContainerRecord record)
    {
        string[] parts = record.Config.User.Split(':');
        if (!uint.TryParse(parts[0].Length == 0 ? "0" : parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out uint uid))
        {
            return null;
        }
        uint gid = 0;
        if ((parts.Length == 2 && !uint.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out gid)) || (parts.Length == 1 && uid != 0))
        {
            return null;
        }
        var user = new V1.LinuxContainerUser { Uid = uid, Gid = gid };
        user.SupplementalGroups.Add(gid);
        foreach (string group in record.HostConfig.GroupAdd ?? [])
        {
            if (long.TryParse(group, NumberStyles.None, CultureInfo.InvariantCulture, out long id) && !user.SupplementalGroups.Contains(id))
            {
                user.SupplementalGroups.Add(id);
            }
        }
        return new V1.ContainerUser { Linux = user };
    }

    private static V1.PodSandboxState StateOf(PodSandbox sandbox) => sandbox.IsReady ? V1.PodSandboxState.SandboxReady : V1.PodSandboxState.SandboxNotready;

    private static V1.PodSandboxMetadata Metadata(SandboxIdentity identity) =>
        new() { Name = identity.Name, Namespace = identity.Namespace, Uid = identity.Uid, Attempt = identity.Attempt };
}
