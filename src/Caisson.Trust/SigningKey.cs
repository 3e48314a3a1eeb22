using System.Security.Cryptography;

using Caisson.Errors;

namespace Caisson.Trust;

/// <summary>A private key that signs images: ECDSA on the curve P-256, as cosign's are. The caller disposes it.</summary>
/// <remarks>Files are PEM: PKCS #8, encrypted when there is a password. Source: RFC 5958, RFC 8018.</remarks>
public sealed class SigningKey : IDisposable
{
    private const int Iterations = 600_000;

    private readonly ECDsa _key;

    private SigningKey(ECDsa key) => _key = key;

    /// <summary>A new key.</summary>
    public static SigningKey Generate() => new(ECDsa.Create(ECCurve.NamedCurves.nistP256));

    /// <summary>Reads the PEM text of a private key.</summary>
    /// <param name="pem">The file's content.</param>
    /// <param name="password">Of an encrypted key; null or empty when there is none.</param>
    /// <param name="subject">What to call it in errors.</param>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.InvalidArgument"/>: no such key; <see cref="ErrorKind.PermissionDenied"/>: the password is wrong or missing.
    /// </exception>
    public static SigningKey Parse(string pem, string? password, string subject)
    {
        if (pem.Contains("ENCRYPTED SIGSTORE PRIVATE KEY", StringComparison.Ordinal) || pem.Contains("ENCRYPTED COSIGN PRIVATE KEY", StringComparison.Ordinal))
        {
            throw new CaissonException(ErrorKind.Unimplemented,
                $"{subject} is encrypted in cosign's own way, which is not read here; generate a key with 'caisson image trust key generate', whose signatures cosign verifies");
        }
        var key = ECDsa.Create();
        try
        {
            if (pem.Contains("ENCRYPTED PRIVATE KEY", StringComparison.Ordinal))
            {
                if (string.IsNullOrEmpty(password))
                {
                    throw new CaissonException(ErrorKind.PermissionDenied, $"{subject} is encrypted: its password is needed");
                }
                key.ImportFromEncryptedPem(pem, password);
            }
            else
            {
                key.ImportFromPem(pem);
            }
            return key.KeySize == 256
                ? new SigningKey(key)
                : throw new CaissonException(ErrorKind.InvalidArgument, $"{subject} has {key.KeySize} bits; keys that sign images are of P-256");
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException)
        {
            key.Dispose();
            throw error is CryptographicException && !string.IsNullOrEmpty(password)
                ? new CaissonException(ErrorKind.PermissionDenied, $"{subject}: the password is wrong, or the key is damaged", error)
                : new CaissonException(ErrorKind.InvalidArgument, $"{subject} is no private key of ECDSA P-256 in PEM", error);
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    /// <summary>The private key as PEM; encrypted (AES-256, PBKDF2 with SHA-256) unless <paramref name="password"/> is empty.</summary>
    public string ExportPrivatePem(string? password) => string.IsNullOrEmpty(password)
        ? _key.ExportPkcs8PrivateKeyPem() + "\n"
        : _key.ExportEncryptedPkcs8PrivateKeyPem(password, new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, Iterations)) + "\n";

    /// <summary>The public key as PEM, for whoever verifies.</summary>
    public string ExportPublicPem() => _key.ExportSubjectPublicKeyInfoPem() + "\n";

    /// <summary>Signs the SHA-256 hash of <paramref name="content"/>; ASN.1, as cosign wants it.</summary>
    public byte[] Sign(ReadOnlySpan<byte> content) =>
        _key.SignData(content, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);

    /// <inheritdoc/>
    public void Dispose() => _key.Dispose();
}
