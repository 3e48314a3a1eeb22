using System.Runtime.InteropServices;
using System.Text;

using Caisson.Errors;

namespace Caisson.Linux.Libraries;

/// <summary>Passwords against their hashes, in every way the system's crypt(3) knows: bcrypt, yescrypt, SHA-512 and others.</summary>
/// <remarks>For several threads. Loads <c>libcrypt.so.1</c> at the first use. Source: crypt(3), crypt(5).</remarks>
public static unsafe partial class PasswordHash
{
    private const string Library = "libcrypt.so.1";

    /// <summary>What <c>sizeof(struct crypt_data)</c> is, for good. Source: crypt.h.</summary>
    private const int CryptDataBytes = 32_768;

    /// <summary>True when <paramref name="password"/> is the one that <paramref name="hash"/> was made of. Takes as long as the hash wants.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: the library is not installed.</exception>
    public static bool Verify(string password, string hash)
    {
        if (password.Contains('\0') || hash.Length < 4)
        {
            return false;
        }
        string? made = Crypt(password, hash);
        return made is not null && AreEqual(Encoding.UTF8.GetBytes(made), Encoding.UTF8.GetBytes(hash));
    }

    /// <summary>The hash of a password as <c>/etc/shadow</c> has it, by SHA-512 and a new salt, which every Linux system reads.</summary>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.InvalidArgument"/>: it has a NUL or is too long; <see cref="ErrorKind.FailedPrecondition"/>: the library is not installed.
    /// </exception>
    public static string Make(string password)
    {
        const string letters = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        string salt = string.Concat(KernelRandom.Take(16).Select(one => letters[one % letters.Length]));
        string? made = password.Contains('\0') ? null : Crypt(password, $"$6${salt}$");
        return made is not null && made[0] == '$' ? made : throw new CaissonException(ErrorKind.InvalidArgument, "this password cannot be hashed: it has a NUL or is too long");
    }

    private static string? Crypt(string password, string with)
    {
        byte[] phrase = [.. Encoding.UTF8.GetBytes(password), 0];
        byte[] setting = [.. Encoding.UTF8.GetBytes(with), 0];
        byte[] data = new byte[CryptDataBytes];
        try
        {
            fixed (byte* phraseBytes = phrase, settingBytes = setting, dataBytes = data)
            {
                byte* made = crypt_rn(phraseBytes, settingBytes, dataBytes, data.Length);
                return made is null ? null : Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(made));
            }
        }
        catch (DllNotFoundException e)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition,
                $"passwords need the library {Library}, which is not on this machine; install it (Debian: libcrypt1)", e);
        }
        finally
        {
            Array.Clear(phrase);
            Array.Clear(data);
        }
    }

    /// <summary>Takes as long for a difference at the start as for one at the end.</summary>
    private static bool AreEqual(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other)
    {
        int difference = one.Length ^ other.Length;
        for (int i = 0; i < Math.Min(one.Length, other.Length); i++)
        {
            difference |= one[i] ^ other[i];
        }
        return difference == 0;
    }

    [LibraryImport(Library)]
    private static partial byte* crypt_rn(byte* phrase, byte* setting, void* data, int size);
}
