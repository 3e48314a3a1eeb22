using System.Text.Json;
using System.Text.Json.Serialization;

using Caisson.Api.Http;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Images.Archives;
using Caisson.Linux;

namespace Caisson.Api.Docker;

internal sealed record PathStatBody
{
    [JsonPropertyName("name")]
    public required string Name { get; init; }

    [JsonPropertyName("size")]
    public long Size { get; init; }

    /// <summary>Permissions with the kind in Go's bits (package io/fs, FileMode).</summary>
    [JsonPropertyName("mode")]
    public uint Mode { get; init; }

    [JsonPropertyName("mtime")]
    public required string Mtime { get; init; }

    [JsonPropertyName("linkTarget")]
    public string LinkTarget { get; init; } = "";
}

/// <summary>Files of containers, as <c>docker cp</c> moves them. Source: Docker Engine API, "Get information about files in a container" and what follows.</summary>
internal sealed class ArchiveRoutes(ContainerEngine engine)
{
    private readonly ContainerProjects _projects = new(engine);

    public void AddTo(Router.Builder routes)
    {
        routes.Head("/containers/{id}/archive", Need.To("get", "containers/files").In(_projects.Of), async call =>
        {
            _ = await StatAsync(call);
            await call.Empty(200);
        });
        routes.Get("/containers/{id}/archive", Need.To("get", "containers/files").In(_projects.Of), async call =>
        {
            (Workload workload, string path) = await StatAsync(call);
            Stream output = await call.Begin("application/x-tar");
            await workload.ReadArchiveAsync(path, output, call.Gone);
        });
        routes.Put("/containers/{id}/archive", Need.To("update", "containers/files").In(_projects.Of), async call =>
        {
            Workload workload = engine.Find(call.Path("id"));
            _projects.RequireEntry(call, workload);
            await workload.ExtractArchiveAsync(
                PathOf(call), call.Http.Request.BodyReader, call.Flag("noOverwriteDirNonDir"), call.Flag("copyUIDGID"), call.Gone);
            await call.Empty(200);
        });
    }

    private static string PathOf(Call call)
    {
        string path = call.Query("path") ?? throw new CaissonException(ErrorKind.InvalidArgument, "query parameter path is missing");
        return path.StartsWith('/') ? path : "/" + path;
    }

    private async Task<(Workload Workload, string Path)> StatAsync(Call call)
    {
        Workload workload = engine.Find(call.Path("id"));
        _projects.RequireEntry(call, workload);
        string path = PathOf(call);
        ContainerPath found = await workload.StatPathAsync(path, call.Gone);
        byte[] stat = JsonSerializer.SerializeToUtf8Bytes(
            new PathStatBody
            {
                Name = found.Name,
                Size = found.Status.Size,
                Mode = Mode(found.Status),
                Mtime = Times.Text(found.Status.ModifiedTime.ToDateTimeOffset()),
                LinkTarget = found.LinkTarget,
            },
            DockerJson.Default.PathStatBody);
        call.Http.Response.Headers["X-Docker-Container-Path-Stat"] = Convert.ToBase64String(stat);
        return (workload, path);
    }

    private static uint Mode(FileStatus status)
    {
        uint kind = status.Kind switch
        {
            FileKind.Directory => 1u << 31,
            FileKind.Symlink => 1u << 27,
            FileKind.BlockDevice => 1u << 26,
            FileKind.CharacterDevice => (1u << 26) | (1u << 21),
            FileKind.Fifo => 1u << 25,
            FileKind.Socket => 1u << 24,
            _ => 0,
        };
        uint special = ((status.Mode & 0x800) != 0 ? 1u << 23 : 0) | ((status.Mode & 0x400) != 0 ? 1u << 22 : 0) | ((status.Mode & 0x200) != 0 ? 1u << 20 : 0);
        return kind | special | (uint)(status.Mode & 0x1FF);
    }
}
