using System.Security.Cryptography;

using Caisson.Errors;

namespace Caisson.Trust;

/// <summary>A public key that signatures are verified with: ECDSA on a NIST curve, or RSA.</summary>
/// <remarks>A value; for several threads. Source: RFC 5280, "SubjectPublicKeyInfo".</remarks>
public sealed class VerificationKey
{
    private const int PemCharsMax = 64 * 1024;
    private const int RsaBitsMin = 2048;

    private readonly byte[] _info;
    private readonly bool _rsa;

    private VerificationKey(byte[] info, bool rsa, string name)
    {
        _info = info;
        _rsa = rsa;
        Name = name;
    }

    /// <summary>What it is called: the file it came from.</summary>
    public string Name { get; }

    /// <summary>The SHA-256 hash of the key in hex, by which people compare keys.</summary>
    public string Fingerprint => Convert.ToHexStringLower(SHA256.HashData(_info));

    /// <summary>Reads the PEM text of a public key.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: it is none, or too weak.</exception>
    public static VerificationKey Parse(string pem, string name)
    {
        if (pem.Length > PemCharsMax)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{name} is too long to be a public key");
        }
        if (pem.Contains("PRIVATE KEY", StringComparison.Ordinal))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{name} is a private key; give the public one");
        }
        try
        {
            using var key = ECDsa.Create();
            key.ImportFromPem(pem);
            return new VerificationKey(key.ExportSubjectPublicKeyInfo(), rsa: false, name);
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException)
        {
            return ParseRsa(pem, name);
        }
    }

    /// <summary>True when <paramref name="signature"/> is one of <paramref name="content"/> by this key, with SHA-256.</summary>
    public bool Verify(ReadOnlySpan<byte> content, ReadOnlySpan<byte> signature)
    {
        try
        {
            if (_rsa)
            {
                using var rsa = RSA.Create();
                rsa.ImportSubjectPublicKeyInfo(_info, out _);
                return rsa.VerifyData(content, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
                    || rsa.VerifyData(content, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pss);
            }
            using var key = ECDsa.Create();
            key.ImportSubjectPublicKeyInfo(_info, out _);
            return key.VerifyData(content, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        }
        catch (CryptographicException)
        {
            return false; // what is no signature at all is not by this key
        }
    }

    private static VerificationKey ParseRsa(string pem, string name)
    {
        try
        {
            using var key = RSA.Create();
            key.ImportFromPem(pem);
            return key.KeySize >= RsaBitsMin
                ? new VerificationKey(key.ExportSubjectPublicKeyInfo(), rsa: true, name)
                : throw new CaissonException(ErrorKind.InvalidArgument, $"{name} is an RSA key of {key.KeySize} bits; {RsaBitsMin} are the least");
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{name} is no public key of ECDSA or RSA in PEM", error);
        }
    }
}
