namespace Caisson.Runtime.CommandLine;

/// <summary>Documents on stdout, each ended by a newline.</summary>
internal static class StandardOutput
{
    public static void Write(ReadOnlySpan<byte> utf8)
    {
        using var output = Console.OpenStandardOutput();
        output.Write(utf8);
        if (utf8.IsEmpty || utf8[^1] != (byte)'\n')
        {
            output.Write("\n"u8);
        }
    }
}
