using Caisson.Errors;
using Caisson.Oci;

namespace Caisson.Images.Archives;

/// <summary>The members of an image archive, wherever they come from.</summary>
internal interface IArchiveMembers
{
    /// <summary>The content of a small member; null when there is none of that name.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.ResourceExhausted"/>: longer than <paramref name="sizeBytesMax"/>.</exception>
    byte[]? TryRead(string name, int sizeBytesMax);

    /// <summary>Makes a member a blob of the store; null when there is none of that name.</summary>
    /// <param name="name">The member.</param>
    /// <param name="expected">The digest it must have; default for any.</param>
    (Digest Digest, long SizeBytes)? TryStore(string name, Digest expected);
}
