using System.Diagnostics.CodeAnalysis;

namespace Caisson.Oci;

/// <summary>The identity of content: an algorithm and a hash, such as <c>sha256:e3b0…</c>. Source: image-spec descriptor.md, "Digests".</summary>
/// <remarks>Only the registered algorithms sha256 and sha512, hash in lower case; the default value is no digest.</remarks>
public readonly record struct Digest
{
    private const int Sha256Letters = 64;
    private const int Sha512Letters = 128;

    private readonly string? _text;

    private Digest(string text) => _text = text;

    /// <summary><c>sha256</c> or <c>sha512</c>.</summary>
    public string Algorithm => ToString()[..ColonAt];

    /// <summary>The hash, lower-case hexadecimal, 64 or 128 letters: safe as a file name.</summary>
    public string Hex => ToString()[(ColonAt + 1)..];

    private static int ColonAt => 6; // both algorithms have six letters

    /// <summary>Reads a digest; false for anything that is not exactly <c>algorithm:hex</c>.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out Digest digest)
    {
        int letters = text switch
        {
            not null when text.StartsWith("sha256:", StringComparison.Ordinal) => Sha256Letters,
            not null when text.StartsWith("sha512:", StringComparison.Ordinal) => Sha512Letters,
            _ => -1,
        };
        bool valid = letters > 0
            && text!.Length == ColonAt + 1 + letters
            && text[(ColonAt + 1)..].All(char.IsAsciiHexDigitLower);
        digest = valid ? new Digest(text!) : default;
        return valid;
    }

    /// <summary>The digest of a hash that was computed here.</summary>
    /// <param name="hash">32 bytes of SHA-256 or 64 of SHA-512.</param>
    /// <exception cref="ArgumentException">Another length.</exception>
    public static Digest Of(ReadOnlySpan<byte> hash) => hash.Length switch
    {
        Sha256Letters / 2 => new Digest($"sha256:{Convert.ToHexStringLower(hash)}"),
        Sha512Letters / 2 => new Digest($"sha512:{Convert.ToHexStringLower(hash)}"),
        _ => throw new ArgumentException($"a hash of {hash.Length} bytes is neither SHA-256 nor SHA-512", nameof(hash)),
    };

    /// <summary>The digest as the standards write it.</summary>
    /// <exception cref="InvalidOperationException">This is the default value, which is no digest.</exception>
    public override string ToString() => _text ?? throw new InvalidOperationException("the default value is no digest");
}
