using Caisson.Control.Events;
using Caisson.Control.State;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Images;
using Caisson.Images.Registry;
using Caisson.Oci;

namespace Caisson.Control.Images;

/// <summary>What users do with images: the store's work, with the containers kept in mind and everybody told.</summary>
public sealed class ImageActions(ContainerEngine containers)
{
    private readonly EngineServices _services = containers.Services;

    /// <summary>The store itself, for reading.</summary>
    public ImageStore Store => _services.Images;

    /// <summary>Gives an image one more name.</summary>
    public void Tag(string image, string name)
    {
        Image tagged = Store.Tag(image, name);
        Tell("tag", tagged.Id.ToString(), Reference.Parse(name).WithDefaultTag().Familiar);
    }

    /// <summary>Takes a name away, or the image with its last name.</summary>
    /// <param name="text">A name, an id, or the beginning of an id.</param>
    /// <param name="force">Also with several names, or below a container that does not run.</param>
    public ImageRemoval Remove(string text, bool force)
    {
        Image image = Store.Resolve(text);
        ImageRemoval removal = Store.Remove(text, force, IsRunning);
        foreach (string name in removal.Untagged)
        {
            Tell("untag", image.Id.ToString(), name);
        }
        if (removal.Deleted.Contains(image.Id))
        {
            Tell("delete", image.Id.ToString(), image.Id.ToString());
            containers.SweepDisks();
        }
        return removal;
    }

    /// <summary>Removes images that no container uses.</summary>
    /// <param name="all">Also those with names.</param>
    /// <param name="accepts">Which of them.</param>
    /// <returns>What was removed, and bytes freed.</returns>
    public (IReadOnlyList<ImageRemoval> Removed, long Bytes) Prune(bool all, Func<Image, bool> accepts)
    {
        HashSet<string> used = [.. containers.List().Select(workload => workload.Record.ImageId)];
        List<ImageRemoval> removed = [];
        long bytes = 0;
        foreach (Image image in Store.List())
        {
            if (used.Contains(image.Id.ToString()) || (!all && image.RepoTags.Count > 0) || !accepts(image))
            {
                continue;
            }
            try
            {
                removed.Add(Remove(image.Id.ToString(), force: true));
                bytes += image.UnpackedBytes ?? image.StoredBytes;
            }
            catch (CaissonException error) when (error.Kind is ErrorKind.Conflict or ErrorKind.NotFound)
            {
                // A container came, or somebody else removed it: then it is not for us to take.
            }
        }
        return (removed, bytes);
    }

    /// <summary>Takes in the images of an archive.</summary>
    public async Task<IReadOnlyList<LoadedImage>> LoadAsync(Stream archive, IProgress<ImageProgress>? progress, CancellationToken cancellationToken)
    {
        IReadOnlyList<LoadedImage> loaded = await Store.LoadAsync(archive, null, progress, cancellationToken);
        foreach (LoadedImage each in loaded)
        {
            Tell("load", each.Image.Id.ToString(), each.Names.Count > 0 ? each.Names[0] : each.Image.Id.ToString());
        }
        return loaded;
    }

    /// <summary>Fetches an image from its registry.</summary>
    public async Task<PulledImage> PullAsync(
        Reference reference, PullOptions options, IProgress<ImageProgress>? progress, CancellationToken cancellationToken)
    {
        PulledImage pulled = await Store.PullAsync(reference, options, progress, cancellationToken);
        Tell("pull", reference.Familiar, reference.FamiliarName);
        return pulled;
    }

    /// <summary>Sends an image to its registry.</summary>
    public async Task<PushedImage> PushAsync(
        Reference reference, RegistryCredentials? credentials, IProgress<ImageProgress>? progress, CancellationToken cancellationToken)
    {
        PushedImage pushed = await Store.PushAsync(reference, credentials, progress, cancellationToken);
        Tell("push", reference.Familiar, reference.FamiliarName);
        return pushed;
    }

    /// <summary>Makes an image of a root filesystem archive.</summary>
    public async Task<Image> ImportAsync(Stream archive, ImportOptions options, IProgress<ImageProgress>? progress, CancellationToken cancellationToken)
    {
        Image image = await Store.ImportAsync(archive, options, progress, cancellationToken);
        Tell("import", image.Id.ToString(), options.Name?.Familiar ?? image.Id.ToString());
        return image;
    }

    /// <summary>Makes an image out of this machine's programs or packages: <c>busybox</c>, or <c>debian</c> with a suite as its tag.</summary>
    /// <param name="name">The image's name.</param>
    /// <param name="include">Packages beside the minimal ones, for Debian.</param>
    /// <param name="progress">Told stages.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public async Task<Image> BootstrapAsync(
        string name, IReadOnlyList<string> include, IProgress<ImageProgress>? progress, CancellationToken cancellationToken)
    {
        Reference reference = Reference.Parse(name).WithDefaultTag();
        string kind = reference.Path[(reference.Path.LastIndexOf('/') + 1)..];
        Image image = kind switch
        {
            "busybox" => await Store.MakeBusyboxAsync(reference, progress, cancellationToken),
            "debian" => await Store.MakeDebianAsync(
                reference.Tag is null or "latest" ? "bookworm" : reference.Tag, include, reference, null, progress, cancellationToken),
            _ => throw new CaissonException(
                ErrorKind.InvalidArgument, $"no recipe makes '{name}'; busybox and debian:SUITE (with packages in include) can be made on this machine"),
        };
        Tell("import", image.Id.ToString(), reference.Familiar);
        return image;
    }

    /// <summary>Makes an image of what a container has written, on top of its image.</summary>
    public async Task<Image> CommitAsync(string container, ImportOptions options, CancellationToken cancellationToken)
    {
        Workload workload = containers.Find(container);
        Image image = await workload.CommitAsync(options, cancellationToken);
        workload.TellCommitted(image.Id.ToString(), options.Name?.Familiar ?? "", options.Comment ?? "");
        return image;
    }

    private bool IsRunning(string containerId) => containers.List().Any(workload => workload.Id == containerId && workload.Status.IsActive);

    private void Tell(string action, string id, string name) => _services.Events.Commit(
        Durability.Process,
        new StateChange(),
        new EngineEvent
        {
            Type = "image",
            Action = action,
            ActorId = id,
            Attributes = new Dictionary<string, string> { ["name"] = name },
            At = _services.Time.GetUtcNow(),
        });
}
