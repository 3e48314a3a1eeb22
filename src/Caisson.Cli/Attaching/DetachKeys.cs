using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Attaching;

/// <summary>The keys that end an attachment and leave the container running.</summary>
internal sealed class DetachKeys
{
    public const string Usual = "ctrl-p,ctrl-q";

    private readonly byte[] _keys;
    private int _matched;

    private DetachKeys(byte[] keys) => _keys = keys;

    /// <summary>Reads <c>ctrl-p,ctrl-q</c>: single characters and control keys, separated by commas; empty: the usual ones.</summary>
    /// <exception cref="FormatException">A key is neither.</exception>
    public static DetachKeys Parse(string text)
    {
        string[] names = (text.Length == 0 ? Usual : text).Split(',');
        return new([.. names.Select(Key)]);
    }

    /// <summary>As <see cref="Parse"/>, for the value of an option.</summary>
    /// <exception cref="UsageException">A key is neither.</exception>
    public static DetachKeys FromOption(ValueOption<string> option)
    {
        try
        {
            return Parse(option.Value);
        }
        catch (FormatException e)
        {
            throw new UsageException($"invalid detach keys ({option.Value}): {e.Message}");
        }
    }

    /// <summary>Passes typed bytes on, holding back those that may become the sequence.</summary>
    /// <param name="typed">What was read.</param>
    /// <param name="passed">Receives what belongs to the container; room for <paramref name="typed"/> and the sequence.</param>
    /// <param name="count">Bytes written there.</param>
    /// <returns>True when the sequence is complete.</returns>
    public bool Filter(ReadOnlySpan<byte> typed, Span<byte> passed, out int count)
    {
        count = 0;
        foreach (byte key in typed)
        {
            if (key == _keys[_matched])
            {
                if (++_matched == _keys.Length)
                {
                    _matched = 0;
                    return true;
                }
                continue;
            }
            _keys.AsSpan(0, _matched).CopyTo(passed[count..]);
            count += _matched;
            _matched = 0;
            if (key == _keys[0] && _keys.Length > 1)
            {
                _matched = 1;
                continue;
            }
            passed[count++] = key;
        }
        return false;
    }

    /// <summary>Most bytes <see cref="Filter"/> may hold back.</summary>
    public int Length => _keys.Length;

    private static byte Key(string name)
    {
        if (name.Length == 1 && name[0] < 0x80)
        {
            return (byte)name[0];
        }
        if (name.StartsWith("ctrl-", StringComparison.Ordinal) && name.Length == 6)
        {
            char letter = name[5];
            int at = "@abcdefghijklmnopqrstuvwxyz[\\]^_".IndexOf(letter, StringComparison.Ordinal);
            if (at >= 0)
            {
                return (byte)at;
            }
        }
        throw new FormatException($"unknown character: '{name}'; write keys such as a or ctrl-p, separated by commas");
    }
}
