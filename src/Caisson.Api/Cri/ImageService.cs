using System.Globalization;

using Caisson.Api.Grpc;
using Caisson.Control.Images;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Images;
using Caisson.Oci;

namespace Caisson.Api.Cri;

/// <summary>The images' half of the Container Runtime Interface, v1.</summary>
internal sealed class ImageService(ImageActions images, EngineServices services)
{
    private const int ChunkItems = 100;

    /// <summary>Adds every call.</summary>
    public void AddTo(GrpcMethods.Builder methods) => methods.Service("runtime.v1.ImageService")
        .Unary("ListImages", V1.ListImagesRequest.Parser, ListImages)
        .Stream<V1.StreamImagesRequest, V1.StreamImagesResponse>("StreamImages", V1.StreamImagesRequest.Parser, StreamImagesAsync)
        .Unary("ImageStatus", V1.ImageStatusRequest.Parser, ImageStatus)
        .Unary("PullImage", V1.PullImageRequest.Parser, PullImageAsync)
        .Unary("RemoveImage", V1.RemoveImageRequest.Parser, RemoveImage)
        .Unary("ImageFsInfo", V1.ImageFsInfoRequest.Parser, ImageFsInfo);

    private V1.ListImagesResponse ListImages(V1.ListImagesRequest request)
    {
        var answer = new V1.ListImagesResponse();
        answer.Images.Add(All(request.Filter));
        return answer;
    }

    private async Task StreamImagesAsync(V1.StreamImagesRequest request, GrpcSend<V1.StreamImagesResponse> send, CancellationToken cancellation)
    {
        foreach (V1.Image[] chunk in All(request.Filter).Chunk(ChunkItems))
        {
            await send(new V1.StreamImagesResponse { Images = { chunk } });
        }
    }

    private V1.ImageStatusResponse ImageStatus(V1.ImageStatusRequest request)
    {
        var answer = new V1.ImageStatusResponse();
        if (images.Store.TryResolve(Named(request.Image)) is { } image)
        {
            answer.Image = CriAnswers.Image(image);
            if (request.Verbose)
            {
                answer.Info["manifest"] = image.ManifestDigest.ToString();
                answer.Info["layers"] = image.Layers.Count.ToString(CultureInfo.InvariantCulture);
            }
        }
        return answer;
    }

    private async Task<V1.PullImageResponse> PullImageAsync(V1.PullImageRequest request, CancellationToken cancellation)
    {
        string name = Named(request.Image);
        Reference reference;
        try
        {
            reference = Reference.Parse(name).WithDefaultTag();
        }
        catch (FormatException error)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"image \"{name}\": {error.Message}", error);
        }
        PulledImage pulled = await images.PullAsync(reference, new PullOptions { Credentials = CriRequests.Credentials(request.Auth, reference.Domain) }, null, cancellation);
        return new() { ImageRef = pulled.Image.Id.ToString() };
    }

    /// <summary>The image goes with all of its names, as the interface has it.</summary>
    private V1.RemoveImageResponse RemoveImage(V1.RemoveImageRequest request)
    {
        if (images.Store.TryResolve(Named(request.Image)) is { } image)
        {
            try
            {
                _ = images.Remove(image.Id.ToString(), force: true);
            }
            catch (CaissonException error) when (error.Kind == ErrorKind.NotFound)
            {
                // Somebody else removed it in this moment.
            }
        }
        return new();
    }

    private V1.ImageFsInfoResponse ImageFsInfo(V1.ImageFsInfoRequest request)
    {
        ImageUsage used = images.Store.Measure();
        var usage = new V1.FilesystemUsage
        {
            Timestamp = CriAnswers.Time(services.Time.GetUtcNow()),
            FsId = new V1.FilesystemIdentifier { Mountpoint = services.Root },
            UsedBytes = new V1.UInt64Value { Value = (ulong)used.Bytes },
            InodesUsed = new V1.UInt64Value { Value = (ulong)used.Entries },
        };
        return new() { ImageFilesystems = { usage }, ContainerFilesystems = { usage.Clone() } };
    }

    private IEnumerable<V1.Image> All(V1.ImageFilter? filter) =>
        filter?.Image is { Image.Length: > 0 } wanted
            ? images.Store.TryResolve(wanted.Image) is { } one ? [CriAnswers.Image(one)] : []
            : images.Store.List().Select(CriAnswers.Image);

    private static string Named(V1.ImageSpec? image) => image is { Image.Length: > 0 } ? image.Image
        : throw new CaissonException(ErrorKind.InvalidArgument, "image is empty");
}
