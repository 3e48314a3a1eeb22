using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;

namespace Caisson.Linux.Launch;

/// <summary>Memory that a step points to: text, a kernel structure, an array of pointers. May point to other blocks.</summary>
/// <remarks>Encoded once however many steps name it; eight-byte aligned. Blocks are compared by reference.</remarks>
public sealed class Block
{
    private readonly string? _description;

    private Block(byte[] bytes, string? description, ImmutableArray<(int Offset, Block Target, int TargetOffset)> pointers)
    {
        Bytes = bytes;
        _description = description;
        Pointers = pointers;
    }

    /// <summary>What a person reads in place of the bytes.</summary>
    public string Description => _description ?? Describe();

    /// <summary>The bytes, to be filled in before the program that points to them is encoded.</summary>
    public Span<byte> Content => Bytes;

    internal byte[] Bytes { get; }

    private bool IsOpenHow { get; init; }

    internal ImmutableArray<(int Offset, Block Target, int TargetOffset)> Pointers { get; }

    /// <summary>NUL-terminated UTF-8. The text itself must hold no NUL; the caller has checked its source.</summary>
    public static Block Text(string text)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetByteCount(text) + 1];
        Encoding.UTF8.GetBytes(text, bytes);
        return new(bytes, null, []);
    }

    /// <summary>Bytes as they are.</summary>
    public static Block Of(ReadOnlySpan<byte> bytes, string description) => new(bytes.ToArray(), description, []);

    /// <summary>Bytes in which some words are addresses of other blocks.</summary>
    /// <param name="bytes">The structure; the words at the offsets named by <paramref name="pointers"/> are ignored.</param>
    /// <param name="description">What a person reads.</param>
    /// <param name="pointers">Offset of an eight-byte word, and the block (with an offset into it) whose address goes there.</param>
    public static Block Of(
        ReadOnlySpan<byte> bytes, string description, params ReadOnlySpan<(int Offset, Block Target, int TargetOffset)> pointers) =>
        new(bytes.ToArray(), description, [.. pointers]);

    /// <summary><c>struct open_how</c>. Source: openat2(2).</summary>
    /// <param name="flags">As our own kernel has them; encoded for another machine, they are as that one's has them.</param>
    /// <param name="mode">Of a file that is made.</param>
    /// <param name="resolve">RESOLVE_….</param>
    /// <param name="description">What a person reads.</param>
    public static Block OpenHow(long flags, long mode, long resolve, string description)
    {
        byte[] bytes = new byte[24];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, flags);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), mode);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), resolve);
        return new(bytes, description, []) { IsOpenHow = true };
    }

    /// <summary>Zeroed memory for the kernel or a <see cref="SystemCall.Store"/> to write to.</summary>
    public static Block Buffer(int size, string description) => new(new byte[size], description, []);

    /// <summary>A null-terminated array of pointers to texts, as execve(2) takes.</summary>
    public static Block TextList(IReadOnlyList<string> texts)
    {
        var pointers = ImmutableArray.CreateBuilder<(int, Block, int)>(texts.Count);
        for (int i = 0; i < texts.Count; i++)
        {
            pointers.Add((i * 8, Text(texts[i]), 0));
        }
        return new(new byte[(texts.Count + 1) * 8], null, pointers.MoveToImmutable());
    }

    /// <summary>Sixty-four-bit words, least significant byte first, as most kernel structures are made of.</summary>
    public static Block Words(string description, params ReadOnlySpan<ulong> words)
    {
        byte[] bytes = new byte[words.Length * 8];
        for (int i = 0; i < words.Length; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(i * 8), words[i]);
        }
        return new(bytes, description, []);
    }

    /// <summary><c>struct msghdr</c> with one byte of data and one descriptor to be filled in by <see cref="SystemCall.Store"/>.</summary>
    /// <param name="payload">The data that goes with the descriptor; at least one byte.</param>
    /// <param name="control">Receives the control block; the descriptor's number belongs at offset 16 of it.</param>
    /// <remarks>Source: sendmsg(2), cmsg(3).</remarks>
    public static Block DescriptorMessage(Block payload, out Block control)
    {
        byte[] cmsg = new byte[24];
        BinaryPrimitives.WriteUInt64LittleEndian(cmsg, 20);
        BinaryPrimitives.WriteInt32LittleEndian(cmsg.AsSpan(8), 1); // SOL_SOCKET
        BinaryPrimitives.WriteInt32LittleEndian(cmsg.AsSpan(12), 1); // SCM_RIGHTS
        control = new(cmsg, "SCM_RIGHTS", []);

        byte[] iovec = new byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(iovec.AsSpan(8), (ulong)payload.Bytes.Length);
        Block vector = new(iovec, "iovec", [(0, payload, 0)]);

        byte[] header = new byte[56];
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(24), 1);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(40), 24);
        return new(header, "{SCM_RIGHTS}", [(16, vector, 0), (32, control, 0)]);
    }

    /// <summary>Writes the bytes as the machine has them that they are for.</summary>
    internal void CopyTo(Span<byte> image, KernelArchitecture architecture)
    {
        Bytes.CopyTo(image);
        if (IsOpenHow)
        {
            BinaryPrimitives.WriteInt64LittleEndian(image, LaunchWords.OpenFlags(BinaryPrimitives.ReadInt64LittleEndian(Bytes), architecture));
        }
    }

    /// <summary>A text, or a list of texts: only these are described when somebody reads them.</summary>
    private string Describe() => Pointers.IsEmpty
        ? Quote(Encoding.UTF8.GetString(Bytes.AsSpan(0, Bytes.Length - 1)))
        : $"[{string.Join(", ", Pointers.Select(pointer => pointer.Target.Description))}]";

    private static string Quote(string text) => text.Length <= 120 ? $"\"{text}\"" : $"\"{text.AsSpan(0, 117)}...\"";
}
