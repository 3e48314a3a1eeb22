using System.Security.Cryptography;
using System.Text;

using Caisson.Errors;

namespace Caisson.Control.Orchestration;

/// <summary>Seals secrets before they go to the state store, with a key that is beside it in a file for the engine alone.</summary>
/// <remarks>A copy of the state store without the key says nothing of them. AES-256-GCM; what is sealed for one name does not open under another.</remarks>
public sealed class SecretBox : IDisposable
{
    private const int KeyBytes = 32;
    private const int NonceBytes = 12;
    private const int TagBytes = 16;

    private readonly AesGcm _cipher;

    private SecretBox(byte[] key) => _cipher = new AesGcm(key, TagBytes);

    /// <summary>Reads the key file, or makes it.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: the file is no key.</exception>
    public static SecretBox Open(string path)
    {
        if (!File.Exists(path))
        {
            using var file = new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
            file.Write(RandomNumberGenerator.GetBytes(KeyBytes));
            file.Flush(flushToDisk: true);
        }
        byte[] key = File.ReadAllBytes(path);
        return key.Length == KeyBytes
            ? new SecretBox(key)
            : throw new CaissonException(ErrorKind.FailedPrecondition, $"the key of secrets, {path}, has {key.Length} bytes instead of {KeyBytes}; restore it from a backup, since secrets cannot be read without it");
    }

    /// <summary>Seals content under a name.</summary>
    public byte[] Seal(string name, ReadOnlySpan<byte> content)
    {
        byte[] box = new byte[NonceBytes + TagBytes + content.Length];
        RandomNumberGenerator.Fill(box.AsSpan(0, NonceBytes));
        _cipher.Encrypt(
            box.AsSpan(0, NonceBytes), content, box.AsSpan(NonceBytes + TagBytes), box.AsSpan(NonceBytes, TagBytes), Encoding.UTF8.GetBytes(name));
        return box;
    }

    /// <summary>Opens what was sealed under the same name.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: by another key, or it was changed.</exception>
    public byte[] Open(string name, ReadOnlySpan<byte> box)
    {
        try
        {
            byte[] content = new byte[box.Length - NonceBytes - TagBytes];
            _cipher.Decrypt(box[..NonceBytes], box[(NonceBytes + TagBytes)..], box.Slice(NonceBytes, TagBytes), content, Encoding.UTF8.GetBytes(name));
            return content;
        }
        catch (Exception error) when (error is CryptographicException or OverflowException or ArgumentException)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"{name} cannot be read: it was sealed with another key, or changed", error);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _cipher.Dispose();
}
