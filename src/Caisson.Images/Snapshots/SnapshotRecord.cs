using System.Text.Json.Serialization;

using Caisson.Oci;

namespace Caisson.Images.Snapshots;

/// <summary>What a container's writable layer stands on, kept beside it so that garbage collection and restarts know.</summary>
/// <param name="Image">The image's id: the digest of its configuration.</param>
/// <param name="Manifest">The digest of its manifest.</param>
/// <param name="Layers">Chain ids of its layers, lowest first.</param>
public sealed record SnapshotRecord(Digest Image, Digest Manifest, IReadOnlyList<Digest> Layers);

/// <summary>The generated reader and writer of <c>snapshot.json</c>.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(SnapshotRecord))]
internal sealed partial class SnapshotJson : JsonSerializerContext;
