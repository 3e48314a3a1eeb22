using Caisson.Errors;

namespace Caisson.Containers.State;

/// <summary>Ids of containers: what runc accepts, short enough to be the name of a directory.</summary>
public static class ContainerId
{
    /// <summary>The longest id, in letters: the longest file name.</summary>
    public const int LengthMax = 255;

    /// <summary>Whether <paramref name="id"/> is one or more of letters, digits, <c>_ + - .</c>, and neither <c>.</c> nor <c>..</c>.</summary>
    public static bool IsValid(string id) =>
        id is not ("" or "." or "..") && id.Length <= LengthMax && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '+' or '-' or '.');

    /// <summary>Refuses anything else.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>.</exception>
    public static void ThrowIfInvalid(string id)
    {
        if (!IsValid(id))
        {
            throw new CaissonException(
                ErrorKind.InvalidArgument,
                $"container id '{id}' is not valid: use 1 to {LengthMax} letters, digits and _ + - . (not '.' or '..' alone)");
        }
    }
}
