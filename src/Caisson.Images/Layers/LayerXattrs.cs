using System.Buffers.Binary;

using Caisson.Images.Layers.Tar;

namespace Caisson.Images.Layers;

/// <summary>Which extended attributes of an image are taken: the user's own and file capabilities, nothing that steers a kernel.</summary>
/// <remarks>
/// <c>trusted.overlay.*</c> and <c>user.overlay.*</c> would redirect or hide files of lower layers; labels and ACLs are the
/// host's. Source: overlayfs.rst, "Redirecting"; capabilities(7), "File capability extended attribute versioning".
/// </remarks>
internal static class LayerXattrs
{
    public const string Opaque = "trusted.overlay.opaque";

    private const string Capability = "security.capability";
    private const uint RevisionMask = 0xff00_0000;
    private const uint Revision2 = 0x0200_0000;
    private const uint Revision3 = 0x0300_0000;
    private const int Revision2Length = 20;
    private const int Revision3Length = 24;

    /// <summary>The value to set; null when the attribute is dropped.</summary>
    public static byte[]? Accept(TarXattr xattr, TarEntryType type)
    {
        if (xattr.Name == Capability)
        {
            return type == TarEntryType.File ? AcceptCapability(xattr.Value) : null;
        }
        return type is TarEntryType.File or TarEntryType.Directory && IsPortable(xattr.Name) ? xattr.Value : null;
    }

    /// <summary>True for attributes that travel with an image, besides file capabilities.</summary>
    public static bool IsPortable(string name) =>
        name.StartsWith("user.", StringComparison.Ordinal) && !name.StartsWith("user.overlay.", StringComparison.Ordinal);

    /// <summary>True for what an archive made from a root filesystem holds.</summary>
    public static bool IsExported(string name) => name == Capability || IsPortable(name);

    /// <summary>Version 3 names the user namespace of the machine that made it; without that it is version 2.</summary>
    private static byte[]? AcceptCapability(byte[] value)
    {
        if (value.Length < 4)
        {
            return null;
        }
        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(value);
        switch (magic & RevisionMask)
        {
            case Revision2 when value.Length == Revision2Length:
                return value;
            case Revision3 when value.Length == Revision3Length:
                byte[] rewritten = value[..Revision2Length];
                BinaryPrimitives.WriteUInt32LittleEndian(rewritten, (magic & ~RevisionMask) | Revision2);
                return rewritten;
            default:
                return null;
        }
    }
}
