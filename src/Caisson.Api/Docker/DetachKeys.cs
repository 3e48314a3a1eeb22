using Caisson.Errors;

namespace Caisson.Api.Docker;

/// <summary>Finds the keys that detach from a terminal in what is typed. Source: docker attach, "Override the detach sequence".</summary>
internal sealed class DetachKeys
{
    private readonly byte[] _keys;
    private int _matched;

    private DetachKeys(byte[] keys) => _keys = keys;

    /// <summary>Reads <c>ctrl-p,ctrl-q</c>; null or empty is that default.</summary>
    public static DetachKeys Parse(string? text)
    {
        List<byte> keys = [];
        foreach (string key in (string.IsNullOrEmpty(text) ? "ctrl-p,ctrl-q" : text).Split(','))
        {
            keys.Add(key switch
            {
                [var single] when single < 128 => (byte)single,
                ['c', 't', 'r', 'l', '-', >= 'a' and <= 'z' and var letter] => (byte)(letter - 'a' + 1),
                "ctrl-@" => 0,
                "ctrl-[" => 27,
                "ctrl-\\" => 28,
                "ctrl-]" => 29,
                "ctrl-^" => 30,
                "ctrl-_" => 31,
                "DEL" => 127,
                _ => throw new CaissonException(ErrorKind.InvalidArgument, $"invalid detach keys ({text}): unknown key '{key}'"),
            });
        }
        return new DetachKeys([.. keys]);
    }

    /// <summary>Takes what was typed and gives what goes on to the program; keys that may become the sequence are held back.</summary>
    /// <param name="typed">The bytes.</param>
    /// <param name="passed">Receives what goes on.</param>
    /// <returns>True when the sequence is complete: what follows it is dropped.</returns>
    public bool Filter(ReadOnlySpan<byte> typed, List<byte> passed)
    {
        foreach (byte key in typed)
        {
            if (key == _keys[_matched])
            {
                if (++_matched == _keys.Length)
                {
                    return true;
                }
                continue;
            }
            passed.AddRange(_keys.AsSpan(0, _matched));
            _matched = key == _keys[0] && _keys.Length > 1 ? 1 : 0;
            if (_matched == 0)
            {
                passed.Add(key);
            }
        }
        return false;
    }
}
