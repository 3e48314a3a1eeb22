using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text.Json.Serialization;

using Caisson.Errors;

namespace Caisson.Oci;

/// <summary>The name of content by its hash: <c>sha256:</c> and 64 lower-case hex digits, or <c>sha512:</c> and 128.</summary>
/// <remarks>
/// Nothing else parses, so a digest is safe as a file name. The default value names nothing: <see cref="IsEmpty"/>.
/// Source: image-spec descriptor.md, "Digests".
/// </remarks>
[JsonConverter(typeof(DigestJsonConverter))]
public readonly record struct Digest : IComparable<Digest>
{
    private const string Sha256Prefix = "sha256:";
    private const string Sha512Prefix = "sha512:";

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    private readonly string? _text;

    private Digest(string text) => _text = text;

    /// <summary>True for the default value, which is no digest.</summary>
    public bool IsEmpty => _text is null;

    /// <summary><c>sha256</c> or <c>sha512</c>; empty for the default value.</summary>
    public string Algorithm => _text is null ? "" : _text[..6];

    /// <summary>The hash in lower-case hex, without the algorithm.</summary>
    public string Hex => _text is null ? "" : _text[7..];

    /// <summary>The first 12 hex digits, as lists show image ids.</summary>
    public string Short => _text is null ? "" : _text[7..19];

    /// <summary>The SHA-256 digest of <paramref name="content"/>.</summary>
    public static Digest Of(ReadOnlySpan<byte> content) => FromSha256(SHA256.HashData(content));

    /// <summary>Names the SHA-256 hash <paramref name="hash"/> of 32 bytes.</summary>
    public static Digest FromSha256(ReadOnlySpan<byte> hash)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(hash.Length, SHA256.HashSizeInBytes);
        return new Digest(Sha256Prefix + Convert.ToHexStringLower(hash));
    }

    /// <summary>Names the SHA-512 hash <paramref name="hash"/> of 64 bytes.</summary>
    public static Digest FromSha512(ReadOnlySpan<byte> hash)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(hash.Length, SHA512.HashSizeInBytes);
        return new Digest(Sha512Prefix + Convert.ToHexStringLower(hash));
    }

    /// <summary>Reads <paramref name="text"/>; upper-case hex and other algorithms are refused.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: not a digest.</exception>
    public static Digest Parse(string text) => TryParse(text, out Digest digest)
        ? digest
        : throw new CaissonException(ErrorKind.InvalidArgument,
            $"invalid digest '{Shorten(text)}': expected sha256: with 64 or sha512: with 128 lower-case hex digits");

    /// <summary>Reads <paramref name="text"/>; false when it is not a digest.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out Digest digest)
    {
        digest = default;
        if (text is null)
        {
            return false;
        }
        int hexLength = text.StartsWith(Sha256Prefix, StringComparison.Ordinal) ? 64
            : text.StartsWith(Sha512Prefix, StringComparison.Ordinal) ? 128
            : 0;
        if (hexLength == 0 || text.Length != 7 + hexLength || text.AsSpan(7).ContainsAnyExcept(HexDigits))
        {
            return false;
        }
        digest = new Digest(text);
        return true;
    }

    /// <summary>An incremental hash of this digest's algorithm; the caller disposes it.</summary>
    /// <exception cref="InvalidOperationException">The default value has no algorithm.</exception>
    public IncrementalHash CreateHash() => Algorithm switch
    {
        "sha256" => IncrementalHash.CreateHash(HashAlgorithmName.SHA256),
        "sha512" => IncrementalHash.CreateHash(HashAlgorithmName.SHA512),
        _ => throw new InvalidOperationException("an empty digest has no algorithm"),
    };

    /// <summary>True when <paramref name="hash"/>, in raw bytes, is the hash this digest names.</summary>
    public bool Matches(ReadOnlySpan<byte> hash) => Hex.AsSpan().SequenceEqual(Convert.ToHexStringLower(hash));

    /// <inheritdoc/>
    public int CompareTo(Digest other) => string.CompareOrdinal(_text, other._text);

    /// <summary>The digest as documents spell it; empty for the default value.</summary>
    public override string ToString() => _text ?? "";

    /// <summary>Orders by the text.</summary>
    public static bool operator <(Digest left, Digest right) => left.CompareTo(right) < 0;

    /// <summary>Orders by the text.</summary>
    public static bool operator >(Digest left, Digest right) => left.CompareTo(right) > 0;

    /// <summary>Orders by the text.</summary>
    public static bool operator <=(Digest left, Digest right) => left.CompareTo(right) <= 0;

    /// <summary>Orders by the text.</summary>
    public static bool operator >=(Digest left, Digest right) => left.CompareTo(right) >= 0;

    private static string Shorten(string? text) => text is null ? "" : text.Length <= 160 ? text : text[..160] + "…";
}
