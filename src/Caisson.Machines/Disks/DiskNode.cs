using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Caisson.Machines.Disks;

/// <summary>A disk's file and what lies behind it, said in full, so that no program looks at a header for it.</summary>
/// <param name="Path">The host path.</param>
/// <param name="Format">How it is written.</param>
public sealed record DiskNode(string Path, DiskFormat Format)
{
    /// <summary>The disk behind it; null for none, whatever the header says.</summary>
    public DiskNode? Backing { get; init; }

    /// <summary>Whether content is encrypted by LUKS, in its own format or in qcow2; the passphrase is given with the call.</summary>
    public bool IsEncrypted { get; init; }

    /// <summary>This disk and those behind it, in order.</summary>
    public IEnumerable<DiskNode> Chain()
    {
        for (DiskNode? node = this; node is not null; node = node.Backing)
        {
            yield return node;
        }
    }

    /// <summary>As QEMU's block layer takes it, in one line. Source: QEMU qapi, BlockdevOptions.</summary>
    /// <param name="pathOf">The path that QEMU sees for a node.</param>
    /// <param name="secret">The id of the object with the passphrase.</param>
    internal string ToJson(Func<DiskNode, string> pathOf, string secret)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            Write(writer, pathOf, secret);
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private void Write(Utf8JsonWriter writer, Func<DiskNode, string> pathOf, string secret)
    {
        writer.WriteStartObject();
        writer.WriteString("driver", DiskFormats.DriverOf(Format));
        if (IsEncrypted && Format == DiskFormat.Luks)
        {
            writer.WriteString("key-secret", secret);
        }
        if (IsEncrypted && Format == DiskFormat.Qcow2)
        {
            writer.WriteStartObject("encrypt");
            writer.WriteString("format", "luks");
            writer.WriteString("key-secret", secret);
            writer.WriteEndObject();
        }
        writer.WriteStartObject("file");
        writer.WriteString("driver", "file");
        writer.WriteString("filename", pathOf(this));
        writer.WriteEndObject();
        if (Backing is not null)
        {
            writer.WritePropertyName("backing");
            Backing.Write(writer, pathOf, secret);
        }
        else if (Format is DiskFormat.Qcow2 or DiskFormat.Vmdk)
        {
            writer.WriteNull("backing");
        }
        writer.WriteEndObject();
    }
}
