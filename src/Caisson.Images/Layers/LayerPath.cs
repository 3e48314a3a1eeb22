using Caisson.Images.Layers.Tar;

namespace Caisson.Images.Layers;

/// <summary>What a name in a layer's archive means.</summary>
internal enum LayerPathKind
{
    /// <summary>The root of the layer itself.</summary>
    Root,

    /// <summary>An entry.</summary>
    Entry,

    /// <summary>The removal of what lower layers have at the path.</summary>
    Whiteout,

    /// <summary>The removal of everything that lower layers have in the directory at the path.</summary>
    Opaque,

    /// <summary>What the aufs file system kept for itself; means nothing.</summary>
    Ignored,
}

/// <summary>A name of an archive, checked: relative to the layer's root, without empty, <c>.</c> or <c>..</c> components.</summary>
/// <param name="Kind">What it means.</param>
/// <param name="Path"><c>a/b/c</c>; for whiteouts the path that is removed; empty for the root.</param>
/// <remarks>Source: image-spec layer.md, "Whiteouts".</remarks>
internal readonly record struct LayerPath(LayerPathKind Kind, string Path)
{
    private const string WhiteoutPrefix = ".wh.";
    private const string AufsPrefix = ".wh..wh.";
    private const string OpaqueName = ".wh..wh..opq";

    /// <summary>The last component.</summary>
    public string Leaf => Path[(Path.LastIndexOf('/') + 1)..];

    /// <summary>All but the last component; empty for the root.</summary>
    public string Parent => Path[..Math.Max(0, Path.LastIndexOf('/'))];

    /// <summary>Reads a name; on failure says why.</summary>
    public static bool TryParse(string name, TarLimits limits, out LayerPath path, out string fault)
    {
        path = default;
        if (!TryNormalise(name, limits.DepthMax, out string plain, out fault))
        {
            return false;
        }
        if (plain.Length == 0)
        {
            path = new LayerPath(LayerPathKind.Root, "");
            return true;
        }
        if (!plain.Contains(WhiteoutPrefix, StringComparison.Ordinal))
        {
            path = new LayerPath(LayerPathKind.Entry, plain);
            return true;
        }
        return TryWhiteout(plain, out path, out fault);
    }

    private static bool TryNormalise(string name, int depthMax, out string plain, out string fault)
    {
        fault = "";
        plain = name.Trim('/');
        if (plain.StartsWith("./", StringComparison.Ordinal))
        {
            plain = plain[2..];
        }
        int depth = 0;
        bool rewrite = false;
        foreach (Range range in plain.AsSpan().Split('/'))
        {
            ReadOnlySpan<char> part = plain.AsSpan()[range];
            if (part is "..")
            {
                fault = "its name leads upwards with '..'";
                return false;
            }
            rewrite |= part.IsEmpty || part is ".";
            depth++;
        }
        if (depth > depthMax + 1)
        {
            fault = $"it lies deeper than {depthMax} directories";
            return false;
        }
        if (rewrite)
        {
            plain = string.Join('/', plain.Split('/').Where(part => part is not ("" or ".")));
        }
        return true;
    }

    private static bool TryWhiteout(string plain, out LayerPath path, out string fault)
    {
        path = new LayerPath(LayerPathKind.Entry, plain);
        fault = "";
        string parent = path.Parent;
        string leaf = path.Leaf;
        foreach (string part in parent.Split('/'))
        {
            if (IsAufs(part))
            {
                path = new LayerPath(LayerPathKind.Ignored, plain);
                return true;
            }
            if (part.StartsWith(WhiteoutPrefix, StringComparison.Ordinal))
            {
                fault = "it lies in a directory with the name of a whiteout";
                return false;
            }
        }
        if (!leaf.StartsWith(WhiteoutPrefix, StringComparison.Ordinal))
        {
            return true;
        }
        if (leaf == OpaqueName)
        {
            path = new LayerPath(LayerPathKind.Opaque, parent);
            return true;
        }
        if (IsAufs(leaf))
        {
            path = new LayerPath(LayerPathKind.Ignored, plain);
            return true;
        }
        string removed = leaf[WhiteoutPrefix.Length..];
        if (removed is "" or "." or ".." || leaf.StartsWith(AufsPrefix, StringComparison.Ordinal))
        {
            fault = "it is a whiteout of nothing that can be";
            return false;
        }
        path = new LayerPath(LayerPathKind.Whiteout, parent.Length == 0 ? removed : $"{parent}/{removed}");
        return true;
    }

    private static bool IsAufs(string part) => part is ".wh..wh.aufs" or ".wh..wh.plnk" or ".wh..wh.orph";
}
