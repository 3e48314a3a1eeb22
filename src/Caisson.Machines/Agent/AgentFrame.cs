namespace Caisson.Machines.Agent;

/// <summary>What a frame between a machine's agent and its host says.</summary>
public enum AgentFrameKind : byte
{
    /// <summary>Guest: the first frame; the protocol's version (4 bytes) and the kernel's release.</summary>
    Hello = 1,

    /// <summary>Host: a part of the <see cref="MachineSettings"/>.</summary>
    Settings = 2,

    /// <summary>Guest: the settings are in force.</summary>
    Ready = 3,

    /// <summary>Host: a part of a <see cref="GuestLaunch"/>; opens its channel.</summary>
    Launch = 4,

    /// <summary>Guest: the program runs.</summary>
    Started = 5,

    /// <summary>Guest: the program never ran; a <see cref="GuestFailure"/>. Closes the channel.</summary>
    Failed = 6,

    /// <summary>Host: bytes for standard input; the last says that it ends.</summary>
    Input = 7,

    /// <summary>Guest: bytes of standard output.</summary>
    Output = 8,

    /// <summary>Guest: bytes of standard error.</summary>
    Errors = 9,

    /// <summary>Both: bytes of a stream were consumed, so as many more may be sent; the stream's kind (1 byte), how many (4 bytes).</summary>
    Credit = 10,

    /// <summary>Host: a signal for the program (4 bytes).</summary>
    Signal = 11,

    /// <summary>Host: rows and columns of the terminal (2 bytes each).</summary>
    Resize = 12,

    /// <summary>Guest: the program ended and its output is sent: code, signal (4 bytes each). Closes the channel.</summary>
    Exited = 13,

    /// <summary>Host: the machine is to end; its disks are put in order first.</summary>
    Shutdown = 14,

    /// <summary>Guest: it ends now.</summary>
    Goodbye = 15,

    /// <summary>Guest: it cannot go on, and why.</summary>
    Trouble = 16,

    /// <summary>Guest: a question for a name server; its number (4 bytes), the message of the protocol of names.</summary>
    Question = 17,

    /// <summary>Host: the answer to the question of that number (4 bytes).</summary>
    Answer = 18,

    /// <summary>Host: everything that is the same in every machine is to be done now; a template is made of what is there then.</summary>
    Prepare = 19,

    /// <summary>Guest: it is done, and the agent waits.</summary>
    Prepared = 20,
}

/// <summary>One message between a machine's agent and its host.</summary>
/// <remarks>
/// <code>
/// 0  kind   1  flags: 1 the last part   2  channel (2 bytes)   4  length (4 bytes)   8  the bytes
/// </code>
/// Numbers are little-endian. A frame's bytes are at most <see cref="BytesMax"/>; what is longer goes in parts.
/// </remarks>
/// <param name="Kind">What it says.</param>
/// <param name="IsLast">The last part of what goes in parts.</param>
/// <param name="Channel">The program it is about; 0 is the machine's own and its first program.</param>
public readonly record struct AgentFrame(AgentFrameKind Kind, bool IsLast, ushort Channel)
{
    /// <summary>The version of the protocol; both sides have the same, or do not talk.</summary>
    public const int Version = 3;

    /// <summary>The most bytes of one frame.</summary>
    public const int BytesMax = 64 * 1024;

    /// <summary>How many bytes of one stream may be on the way; more is a breach of the protocol.</summary>
    public const int Window = 128 * 1024;

    /// <summary>The most bytes of what goes in parts.</summary>
    public const int PartsBytesMax = 4 << 20;

    /// <summary>The name of the port by which the machine's kernel asks for files of the host.</summary>
    public const string FilesPortName = "caisson.files";

    /// <summary>The name of the agent's port.</summary>
    public const string PortName = "caisson.agent";

    internal const int HeaderSize = 8;
}
