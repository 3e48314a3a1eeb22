using System.Text.Json;
using System.Text.Json.Serialization;

using Caisson.Control.Json;
using Caisson.Control.Model;
using Caisson.Images;

namespace Caisson.Api.Docker;

/// <summary>The shape of every error: <c>{"message": "…"}</c>.</summary>
internal sealed record ErrorBody([property: JsonPropertyName("message")] string Message);

/// <summary>Serialization of Docker's documents, generated. Names are read in any case, as Go does.</summary>
[JsonSourceGenerationOptions(
    PropertyNameCaseInsensitive = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.Never,
    Converters = [typeof(LenientBoolean), typeof(LenientInt32), typeof(LenientInt64), typeof(LenientString)])]
[JsonSerializable(typeof(ErrorBody))]
[JsonSerializable(typeof(VersionBody))]
[JsonSerializable(typeof(InfoBody))]
[JsonSerializable(typeof(EventBody))]
[JsonSerializable(typeof(DiskUsageBody))]
[JsonSerializable(typeof(ContainerCreate))]
[JsonSerializable(typeof(UpdateConfig))]
[JsonSerializable(typeof(ExecConfig))]
[JsonSerializable(typeof(ExecStartBody))]
[JsonSerializable(typeof(ExecBody))]
[JsonSerializable(typeof(CreatedBody))]
[JsonSerializable(typeof(WarningsBody))]
[JsonSerializable(typeof(IdBody))]
[JsonSerializable(typeof(WaitBody))]
[JsonSerializable(typeof(TopBody))]
[JsonSerializable(typeof(IReadOnlyList<ChangeBody>))]
[JsonSerializable(typeof(ContainerBody))]
[JsonSerializable(typeof(ContainersPrunedBody))]
[JsonSerializable(typeof(PathStatBody))]
[JsonSerializable(typeof(StatsBody))]
[JsonSerializable(typeof(IReadOnlyList<ImageSummaryBody>))]
[JsonSerializable(typeof(ImageBody))]
[JsonSerializable(typeof(IReadOnlyList<HistoryBody>))]
[JsonSerializable(typeof(IReadOnlyList<ImageRemovedBody>))]
[JsonSerializable(typeof(ImagesPrunedBody))]
[JsonSerializable(typeof(ProgressBody))]
[JsonSerializable(typeof(AuthBody))]
[JsonSerializable(typeof(LoginBody))]
[JsonSerializable(typeof(DistributionBody))]
[JsonSerializable(typeof(KernelBody))]
[JsonSerializable(typeof(IReadOnlyList<KernelBody>))]
[JsonSerializable(typeof(MachineBody))]
[JsonSerializable(typeof(IReadOnlyList<MachineSummaryBody>))]
[JsonSerializable(typeof(FullMachineCreate))]
[JsonSerializable(typeof(FullMachineChange))]
[JsonSerializable(typeof(TrustPolicyBody))]
[JsonSerializable(typeof(TrustDecisionBody))]
[JsonSerializable(typeof(SignaturesBody))]
[JsonSerializable(typeof(SignatureBody))]
[JsonSerializable(typeof(ScanBody))]
[JsonSerializable(typeof(StoreCheck))]
[JsonSerializable(typeof(NetworkBody))]
[JsonSerializable(typeof(IReadOnlyList<NetworkBody>))]
[JsonSerializable(typeof(NetworksPrunedBody))]
[JsonSerializable(typeof(NetworkCreate))]
[JsonSerializable(typeof(NetworkConnect))]
[JsonSerializable(typeof(NetworkCreatedBody))]
[JsonSerializable(typeof(SecretCreate))]
[JsonSerializable(typeof(SecretCreatedBody))]
[JsonSerializable(typeof(SecretBody))]
[JsonSerializable(typeof(IReadOnlyList<SecretBody>))]
[JsonSerializable(typeof(VolumesBody))]
[JsonSerializable(typeof(VolumeBody))]
[JsonSerializable(typeof(VolumeCreate))]
[JsonSerializable(typeof(VolumeCopyRequest))]
[JsonSerializable(typeof(VolumeClonedBody))]
[JsonSerializable(typeof(VolumeSnapshotBody))]
[JsonSerializable(typeof(IReadOnlyList<VolumeSnapshotBody>))]
[JsonSerializable(typeof(VolumeAttachRequest))]
[JsonSerializable(typeof(MountPointBody))]
[JsonSerializable(typeof(VolumesPrunedBody))]
[JsonSerializable(typeof(CachePrunedBody))]
[JsonSerializable(typeof(BuildLineBody))]
[JsonSerializable(typeof(Dictionary<string, string>))]
[JsonSerializable(typeof(Dictionary<string, JsonElement>))]
[JsonSerializable(typeof(IReadOnlyList<Ulimit>))]
[JsonSerializable(typeof(IReadOnlyList<JsonElement>))]
[JsonSerializable(typeof(List<string>))]
internal sealed partial class DockerJson : JsonSerializerContext;
