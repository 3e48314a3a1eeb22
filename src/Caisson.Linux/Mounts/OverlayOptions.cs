namespace Caisson.Linux;

/// <summary>Where an overlay keeps what is changed: a directory that holds its upper and its work directory.</summary>
/// <param name="Parent">Stays the caller's. On the same file system as both, of course, and not itself an overlay.</param>
/// <param name="Upper">Name of the upper directory in it; must exist.</param>
/// <param name="Work">Name of the work directory in it; must exist and be empty or from a former mount of the same upper.</param>
public sealed record OverlayWritable(DirectoryDescriptor Parent, string Upper = "upper", string Work = "work");

/// <summary>How an overlay behaves. Source: kernel Documentation/filesystems/overlayfs.rst.</summary>
public sealed record OverlayOptions
{
    /// <summary>Renames of directories are copies seen by the program (EXDEV), no metadata-only copies: an upper directory is a plain layer and can be exported as it is.</summary>
    public static OverlayOptions Default { get; } = new();

    /// <summary>Keep the overlay's own attributes as <c>user.overlay.*</c>, as an unprivileged mounter must; Linux 5.11.</summary>
    public bool UserAttributes { get; init; }

    /// <summary>Never sync the upper: faster, and the upper is worthless after a crash of the machine (the kernel refuses to mount it again); Linux 5.10.</summary>
    public bool Volatile { get; init; }

    /// <summary>Attributes of the new mount.</summary>
    public MountAttributes Attributes { get; init; }
}
