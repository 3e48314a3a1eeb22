using System.Text.Json.Serialization;

namespace Caisson.Machines.Templates;

/// <summary>A machine that was booted and stopped before it was anybody's: machines of its shape go on from here.</summary>
public sealed record MachineTemplate
{
    /// <summary>Names everything that it depends on; see <see cref="TemplateStore.KeyOf"/>.</summary>
    public required string Key { get; init; }

    /// <summary>The release of its kernel.</summary>
    public required string Kernel { get; init; }

    /// <summary>The machine's memory in bytes.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>The machine's processors.</summary>
    public required int Processors { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset Made { get; init; }

    /// <summary>SHA-256 of the state of its devices, in hexadecimal.</summary>
    public required string StateDigest { get; init; }

    /// <summary>The inode of its memory and the last change of that: whoever writes to the file cannot keep it.</summary>
    public required string MemoryStamp { get; init; }

    /// <summary>The same of its disk.</summary>
    public required string DiskStamp { get; init; }

    /// <summary>What its files take on the disk, in bytes.</summary>
    public required long Bytes { get; init; }
}

/// <summary>How templates are written down.</summary>
[JsonSourceGenerationOptions(WriteIndented = true)]
[JsonSerializable(typeof(MachineTemplate))]
internal sealed partial class TemplateJson : JsonSerializerContext;
