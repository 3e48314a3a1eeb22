using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;

using Caisson.Errors;
using Caisson.Linux.Libraries;

namespace Caisson.Registry.Access;

/// <summary>Users and their passwords, as <c>htpasswd</c> writes them; the file is read again when it changes.</summary>
/// <remarks>For several threads. Hashes are those of crypt(3): bcrypt, as <c>htpasswd -B</c> makes them, yescrypt, SHA-512.</remarks>
public sealed class PasswordFile
{
    private const int KnownMax = 1000;

    /// <summary>Checked for users that do not exist, so that the time says nothing; of a password that nobody has.</summary>
    private const string Nobody = "$2y$05$......................0Ie4PKO6z1lZbY5k0Ji1tHcBVnXrZGC";

    private readonly Lock _lock = new();
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);
    private readonly ConcurrentDictionary<string, byte> _known = new(StringComparer.Ordinal);
    private readonly string _path;
    private FrozenDictionary<string, string> _hashes = FrozenDictionary<string, string>.Empty;
    private DateTime _read;

    private PasswordFile(string path) => _path = path;

    /// <summary>Reads the file at <paramref name="path"/>.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: absent, or not what htpasswd writes.</exception>
    public static PasswordFile Open(string path)
    {
        var file = new PasswordFile(path);
        file.Refresh();
        return file;
    }

    /// <summary>Whether <paramref name="password"/> is that of <paramref name="user"/>.</summary>
    public bool Verify(string user, string password)
    {
        Refresh();
        FrozenDictionary<string, string> hashes = _hashes;
        bool exists = hashes.TryGetValue(user, out string? hash);
        string proof = Convert.ToHexString(HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes($"{user}\0{password}\0{hash}")));
        if (exists && _known.ContainsKey(proof))
        {
            return true;
        }
        if (!PasswordHash.Verify(password, hash ?? Nobody) || !exists)
        {
            return false;
        }
        if (_known.Count >= KnownMax)
        {
            _known.Clear();
        }
        _known[proof] = 0;
        return true;
    }

    private void Refresh()
    {
        lock (_lock)
        {
            try
            {
                DateTime changed = File.GetLastWriteTimeUtc(_path);
                if (changed == _read)
                {
                    return;
                }
                _hashes = Parse(File.ReadAllLines(_path));
                _read = changed;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"read passwords: {e.Message.TrimEnd('.')}", e);
            }
        }
    }

    private FrozenDictionary<string, string> Parse(string[] lines)
    {
        Dictionary<string, string> hashes = new(StringComparer.Ordinal);
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].Trim();
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            string hash = colon < 0 ? "" : line[(colon + 1)..];
            if (colon <= 0 || !hash.StartsWith('$') || hash.StartsWith("$apr1$", StringComparison.Ordinal))
            {
                throw new CaissonException(ErrorKind.InvalidArgument,
                    $"{_path}, line {i + 1}: expected USER:HASH with a hash of crypt(3), as htpasswd -B writes it");
            }
            hashes[line[..colon]] = hash;
        }
        return hashes.ToFrozenDictionary();
    }
}
