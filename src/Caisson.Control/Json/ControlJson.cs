using System.Text.Json.Serialization;

using Caisson.Control.Builds;
using Caisson.Control.Events;
using Caisson.Control.Model;

namespace Caisson.Control.Json;

/// <summary>Serialization of the records in the state store, generated.</summary>
[JsonSourceGenerationOptions(
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault,
    UseStringEnumConverter = true,
    Converters = [typeof(LenientBoolean), typeof(LenientInt32), typeof(LenientInt64), typeof(LenientString)])]
[JsonSerializable(typeof(ContainerRecord))]
[JsonSerializable(typeof(ContainerStatus))]
[JsonSerializable(typeof(NetworkRecord))]
[JsonSerializable(typeof(VolumeRecord))]
[JsonSerializable(typeof(List<string>))]
[JsonSerializable(typeof(SecretRecord))]
[JsonSerializable(typeof(EngineEvent))]
[JsonSerializable(typeof(CacheRecord))]
[JsonSerializable(typeof(FullMachineRecord))]
[JsonSerializable(typeof(FullMachineStatus))]
[JsonSerializable(typeof(MachineStandby))]
internal sealed partial class ControlJson : JsonSerializerContext;
