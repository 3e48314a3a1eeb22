using System.Security.Cryptography;
using System.Text;

using Caisson.Control.Model;
using Caisson.Control.Orchestration;
using Caisson.Errors;

namespace Caisson.Control.FullMachines;

/// <summary>Passphrases of machines' disks, which are in records only sealed. The key to them is a file beside the state store, made with the first encrypted machine.</summary>
internal sealed class DiskKeys(string path) : IDisposable
{
    private const string Purpose = "the passphrase of a machine's disks";
    private const int KeyBytes = 32;
    private const int LengthMax = 512;

    private readonly Lock _lock = new();
    private SecretBox? _box;

    /// <summary>Seals a passphrase for a record; an empty one is made by chance.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: it cannot be one.</exception>
    public string Seal(string passphrase)
    {
        if (passphrase.Length > LengthMax || passphrase.Any(char.IsControl))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"a passphrase has 1 to {LengthMax} characters in one line");
        }
        string chosen = passphrase.Length > 0 ? passphrase : Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeyBytes));
        return Convert.ToBase64String(Box().Seal(Purpose, Encoding.UTF8.GetBytes(chosen)));
    }

    /// <summary>The passphrase of a machine's disks; null when they are not encrypted.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: it was sealed by another engine.</exception>
    public string? Open(FullMachineRecord record) => record.Config.IsEncrypted ? Open(record.Key) : null;

    /// <summary>What was sealed.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: it was sealed by another engine.</exception>
    public string Open(string text) => Encoding.UTF8.GetString(Box().Open(Purpose, Convert.FromBase64String(text)));

    /// <inheritdoc/>
    public void Dispose() => _box?.Dispose();

    private SecretBox Box()
    {
        lock (_lock)
        {
            return _box ??= SecretBox.Open(path);
        }
    }
}
