namespace Caisson.Control.Volumes;

/// <summary>Names of volumes and of their snapshots. They are the one thing a user names that becomes a directory, so that it is found on the host.</summary>
internal static class VolumeNames
{
    /// <summary>Docker's rule: <c>[a-zA-Z0-9][a-zA-Z0-9_.-]+</c>; 255 at most, as a directory's name may be.</summary>
    public static bool IsValid(string name) =>
        name.Length is >= 2 and <= 255
        && char.IsAsciiLetterOrDigit(name[0])
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-');

    /// <summary>What is wrong with a name that is not valid.</summary>
    public static string Complaint(string name) => name.Length == 1
        ? "volume name is too short, names should be at least two alphanumeric characters"
        : $"\"{name}\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path";
}
