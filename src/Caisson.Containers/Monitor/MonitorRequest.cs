using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;

using Caisson.Containers.Logs;

namespace Caisson.Containers.Monitor;

/// <summary>What fills an inherited slot of a launch: a descriptor that comes with the request, or one that the monitor makes.</summary>
public enum MonitorInput : byte
{
    /// <summary>The next descriptor of the request.</summary>
    Supplied = 0,

    /// <summary>Standard input, made by the monitor.</summary>
    Stdin = 1,

    /// <summary>Standard output, made by the monitor.</summary>
    Stdout = 2,

    /// <summary>Standard error, made by the monitor.</summary>
    Stderr = 3,
}

/// <summary>What the engine asks of the keeper: run one process under a monitor. Descriptors travel beside it.</summary>
/// <remarks>
/// <code>
///  0  "CSNK"   4  version   8  flags: 1 terminal, 2 open stdin, 4 log   12  user   16  group of the stdio pipes
/// 20  bytes of the user map   24  of the group map   28  inputs
/// 32  one byte each input, the user map, the group map; in version 2 the log settings
/// </code>
/// Version 1 has a log without settings, so that a keeper of that version goes on running what needs none. Descriptors: the run directory of the
/// process, the sealed launch image, the log where there is one, its directory where it has settings, the supplied inputs in order.
/// </remarks>
public sealed record MonitorRequest
{
    /// <summary>The longest request; id maps are short.</summary>
    public const int BytesMax = 64 * 1024;

    private const uint Magic = 0x4b4e5343;
    private const int VersionWithoutSettings = 1;
    private const int Version = 2;
    private const int HeaderSize = 32;

    /// <summary>The process makes a terminal of its own and sends it.</summary>
    public bool Terminal { get; init; }

    /// <summary>Stdin stays open for attachments; otherwise it is empty.</summary>
    public bool OpenStdin { get; init; }

    /// <summary>Whether a log descriptor comes along.</summary>
    public bool HasLog { get; init; }

    /// <summary>How the log is written.</summary>
    public LogSettings Log { get; init; } = LogSettings.Plain;

    /// <summary>The owner of the stdio pipes, in the host's numbers, so that the program may open <c>/dev/stdout</c> again.</summary>
    public uint StdioUser { get; init; }

    /// <summary>As <see cref="StdioUser"/>, the group.</summary>
    public uint StdioGroup { get; init; }

    /// <summary>The text for <c>uid_map</c>; empty when the process has no user namespace of its own.</summary>
    public string UserMap { get; init; } = "";

    /// <summary>The text for <c>gid_map</c>; empty when the process has no user namespace of its own.</summary>
    public string GroupMap { get; init; } = "";

    /// <summary>What fills the inherited slots of the launch image, in order.</summary>
    public ImmutableArray<MonitorInput> Inputs { get; init; } = [];

    /// <summary>Whether a descriptor of the log's directory comes along.</summary>
    public bool HasLogDirectory => HasLog && Log.HasDirectory;

    /// <summary>How many descriptors belong to it.</summary>
    public int Descriptors => 2 + (HasLog ? 1 : 0) + (HasLogDirectory ? 1 : 0) + Inputs.Count(input => input == MonitorInput.Supplied);

    /// <summary>The message's bytes.</summary>
    public byte[] Encode()
    {
        byte[] users = Encoding.ASCII.GetBytes(UserMap);
        byte[] groups = Encoding.ASCII.GetBytes(GroupMap);
        byte[] log = HasLogDirectory ? Log.Encode() : [];
        byte[] bytes = new byte[HeaderSize + Inputs.Length + users.Length + groups.Length + log.Length];
        Span<byte> header = bytes;
        BinaryPrimitives.WriteUInt32LittleEndian(header, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(header[4..], HasLogDirectory ? Version : VersionWithoutSettings);
        BinaryPrimitives.WriteInt32LittleEndian(header[8..], (Terminal ? 1 : 0) | (OpenStdin ? 2 : 0) | (HasLog ? 4 : 0));
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], StdioUser);
        BinaryPrimitives.WriteUInt32LittleEndian(header[16..], StdioGroup);
        BinaryPrimitives.WriteInt32LittleEndian(header[20..], users.Length);
        BinaryPrimitives.WriteInt32LittleEndian(header[24..], groups.Length);
        BinaryPrimitives.WriteInt32LittleEndian(header[28..], Inputs.Length);
        for (int i = 0; i < Inputs.Length; i++)
        {
            bytes[HeaderSize + i] = (byte)Inputs[i];
        }
        users.CopyTo(bytes, HeaderSize + Inputs.Length);
        groups.CopyTo(bytes, HeaderSize + Inputs.Length + users.Length);
        log.CopyTo(bytes, bytes.Length - log.Length);
        return bytes;
    }

    /// <summary>Reads a message.</summary>
    /// <exception cref="FormatException">It is not a whole request of this version.</exception>
    public static MonitorRequest Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeaderSize || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic)
        {
            throw new FormatException("request to the keeper: not one");
        }
        int version = BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]);
        if (version is not (Version or VersionWithoutSettings))
        {
            throw new FormatException($"request to the keeper: of version {version}, the keeper's is {Version}; stop all containers and the keeper to change versions");
        }
        int flags = BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]);
        int users = BinaryPrimitives.ReadInt32LittleEndian(bytes[20..]);
        int groups = BinaryPrimitives.ReadInt32LittleEndian(bytes[24..]);
        int inputs = BinaryPrimitives.ReadInt32LittleEndian(bytes[28..]);
        long end = HeaderSize + (long)inputs + users + groups;
        if (users < 0 || groups < 0 || inputs < 0 || (version == VersionWithoutSettings ? end != bytes.Length : end > bytes.Length))
        {
            throw new FormatException("request to the keeper: its lengths do not fit");
        }
        var slots = ImmutableArray.CreateBuilder<MonitorInput>(inputs);
        foreach (byte input in bytes.Slice(HeaderSize, inputs))
        {
            slots.Add(input <= (byte)MonitorInput.Stderr ? (MonitorInput)input : throw new FormatException($"request to the keeper: unknown input {input}"));
        }
        return new()
        {
            Terminal = (flags & 1) != 0,
            OpenStdin = (flags & 2) != 0,
            HasLog = (flags & 4) != 0,
            Log = version == Version ? LogSettings.Decode(bytes[(int)end..]) : LogSettings.Plain,
            StdioUser = BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]),
            StdioGroup = BinaryPrimitives.ReadUInt32LittleEndian(bytes[16..]),
            Inputs = slots.MoveToImmutable(),
            UserMap = Encoding.ASCII.GetString(bytes.Slice(HeaderSize + inputs, users)),
            GroupMap = Encoding.ASCII.GetString(bytes.Slice(HeaderSize + inputs + users, groups)),
        };
    }
}
