namespace Caisson.Linux;

/// <summary>A text as the kernel wants it, ended by NUL; in the caller's stack memory when it fits.</summary>
internal readonly ref struct CString
{
    /// <summary>What a caller should give as <c>stackalloc byte[CString.StackBytes]</c>.</summary>
    internal const int StackBytes = 512;

    /// <summary>Encodes <paramref name="text"/> by the rule of <see cref="PathText"/>.</summary>
    internal CString(string text, Span<byte> stack)
    {
        int needed = PathText.MaxBytes(text) + 1;
        Span<byte> bytes = needed <= stack.Length ? stack : new byte[needed];
        int length = PathText.Encode(text, bytes);
        bytes[length] = 0;
        Bytes = bytes[..(length + 1)];
    }

    /// <summary>The bytes with their NUL.</summary>
    internal ReadOnlySpan<byte> Bytes { get; }

    /// <summary>For <c>fixed (byte* p = text)</c>.</summary>
    public ref readonly byte GetPinnableReference() => ref Bytes.GetPinnableReference();
}
