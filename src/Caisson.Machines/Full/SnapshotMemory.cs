using System.Text.Json;

namespace Caisson.Machines.Full;

/// <summary>The file that a snapshot of an encrypted machine keeps memory in: qcow2 over LUKS, by the passphrase of the disks.</summary>
/// <remarks>
/// What an unencrypted machine keeps in its first disk cannot go into one that is encrypted within qcow2: memory does not end at a sector, and QEMU (to 8.0 at
/// least) asserts that it does. Over LUKS, its block layer pads.
/// </remarks>
public static class SnapshotMemory
{
    /// <summary>The node that memory is written to and read from.</summary>
    public const string Node = "memory-state";

    private const string FileNode = "memory-state-file";
    private const string LuksNode = "memory-state-luks";
    private const long OverheadBytes = 1L << 30;

    /// <summary>The file's name in the directory of disks.</summary>
    /// <param name="tag">Of the snapshot, within disks.</param>
    public static string FileOf(string tag) => $"memory-{tag}.luks";

    /// <summary>What makes an empty file that is there already such a one, and opens it; a job has its name, anything else none.</summary>
    /// <param name="tag">Of the snapshot.</param>
    /// <param name="config">The machine.</param>
    /// <param name="stretchMs">For how long the passphrase is stretched.</param>
    public static IReadOnlyList<(string? Job, QmpStep Step)> Create(string tag, FullMachineConfig config, int stretchMs) =>
    [
        (null, QmpStep.Of("blockdev-add", json =>
        {
            json.WriteString("node-name", FileNode);
            WriteFile(json, tag);
        })),
        ("memory-luks", Job("memory-luks", json =>
        {
            json.WriteString("driver", "luks");
            json.WriteString("file", FileNode);
            json.WriteString("key-secret", FullMachinePlan.PassphraseName);
            json.WriteNumber("iter-time", stretchMs);
            json.WriteNumber("size", (Math.Max(config.MemoryBytes, config.MemoryMaxBytes) * 2) + OverheadBytes); // takes room only as it fills
        })),
        (null, QmpStep.Of("blockdev-add", json =>
        {
            json.WriteString("node-name", LuksNode);
            json.WriteString("driver", "luks");
            json.WriteString("key-secret", FullMachinePlan.PassphraseName);
            json.WriteString("file", FileNode);
        })),
        ("memory-qcow2", Job("memory-qcow2", json =>
        {
            json.WriteString("driver", "qcow2");
            json.WriteString("file", LuksNode);
            json.WriteNumber("size", 1 << 16);
        })),
        (null, QmpStep.Of("blockdev-add", json =>
        {
            json.WriteString("node-name", Node);
            json.WriteString("driver", "qcow2");
            json.WriteString("file", LuksNode);
        })),
    ];

    /// <summary>What opens the file of a snapshot.</summary>
    public static QmpStep Open(string tag) => QmpStep.Of("blockdev-add", json =>
    {
        json.WriteString("node-name", Node);
        json.WriteString("driver", "qcow2");
        json.WriteStartObject("file");
        json.WriteString("driver", "luks");
        json.WriteString("key-secret", FullMachinePlan.PassphraseName);
        json.WriteStartObject("file");
        WriteFile(json, tag);
        json.WriteEndObject();
        json.WriteEndObject();
    });

    /// <summary>The nodes that are open then, in the order in which they are closed.</summary>
    public static IReadOnlyList<string> Nodes { get; } = [Node, LuksNode, FileNode];

    private static QmpStep Job(string id, Action<Utf8JsonWriter> options) => QmpStep.Of("blockdev-create", json =>
    {
        json.WriteString("job-id", id);
        json.WriteStartObject("options");
        options(json);
        json.WriteEndObject();
    });

    private static void WriteFile(Utf8JsonWriter json, string tag)
    {
        json.WriteString("driver", "file");
        json.WriteString("filename", $"{FullMachinePlan.DisksDirectory}/{FileOf(tag)}");
    }
}
