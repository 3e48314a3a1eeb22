using Caisson.Oci;

namespace Caisson.Images;

/// <summary>What is being done with content.</summary>
public enum ImageStage
{
    /// <summary>Bytes arrive and are checked.</summary>
    Receiving,

    /// <summary>A layer will be fetched from a registry.</summary>
    Waiting,

    /// <summary>All bytes have come; their digest is compared.</summary>
    Verifying,

    /// <summary>Bytes came and are what they should be.</summary>
    Received,

    /// <summary>A layer is being unpacked.</summary>
    Unpacking,

    /// <summary>A layer is unpacked and on stable storage.</summary>
    Unpacked,

    /// <summary>A layer was already there.</summary>
    AlreadyExists,

    /// <summary>An archive is being written.</summary>
    Writing,

    /// <summary>A layer will be sent to a registry.</summary>
    Preparing,

    /// <summary>Bytes go to a registry.</summary>
    Sending,

    /// <summary>A registry has taken a layer.</summary>
    Sent,

    /// <summary>A registry had a layer.</summary>
    Present,

    /// <summary>A registry took a layer from another repository of its own, <see cref="ImageProgress.Text"/>.</summary>
    Mounted,

    /// <summary>Something about the whole; <see cref="ImageProgress.Text"/> says it.</summary>
    Note,

    /// <summary>An external tool builds a root filesystem; <see cref="ImageProgress.Text"/> is what it says.</summary>
    Building,
}

/// <summary>One step of long work, for people to look at.</summary>
/// <param name="Stage">What is being done.</param>
/// <param name="Subject">What it is done with: the layer's digest; default where there is none.</param>
/// <param name="DoneBytes">Bytes so far, of the stored (compressed) content.</param>
/// <param name="TotalBytes">Bytes in all; 0 when not known.</param>
/// <param name="Text">A line of text, where the stage has one.</param>
public readonly record struct ImageProgress(
    ImageStage Stage, Digest Subject, long DoneBytes, long TotalBytes, string? Text = null)
{
    /// <summary>What to call the subject instead of its digest; null for that.</summary>
    public string? Id { get; init; }
}
