using System.Buffers;
using System.Diagnostics.CodeAnalysis;

using Caisson.Errors;

namespace Caisson.Oci;

/// <summary>The name of an image: registry, repository, and a tag or a digest or both.</summary>
/// <remarks>
/// Always normalised as Docker does: <c>busybox</c> is <c>docker.io/library/busybox</c>. Matching uses the full form, people
/// see <see cref="Familiar"/>. Source: distribution's reference grammar; distribution-spec "Pulling manifests".
/// </remarks>
public sealed record Reference
{
    private const string DefaultDomain = "docker.io";
    private const string LegacyDomain = "index.docker.io";
    private const string OfficialPrefix = "library/";
    private const string DefaultTag = "latest";
    private const int NameLengthMax = 255;
    private const int TagLengthMax = 128;

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");
    private static readonly SearchValues<char> Ipv6Characters = SearchValues.Create("0123456789abcdefABCDEF:");

    private Reference(string domain, string path, string? tag, Digest? digest)
    {
        Domain = domain;
        Path = path;
        Tag = tag;
        Digest = digest;
    }

    /// <summary>The registry's host, with a port where one is given: <c>docker.io</c>, <c>localhost:5000</c>.</summary>
    public string Domain { get; }

    /// <summary>The repository within the registry: <c>library/busybox</c>.</summary>
    public string Path { get; }

    /// <summary>The tag; null when none was given.</summary>
    public string? Tag { get; }

    /// <summary>The digest; null when none was given.</summary>
    public Digest? Digest { get; }

    /// <summary>Registry and repository in full.</summary>
    public string Name => $"{Domain}/{Path}";

    /// <summary>Registry and repository as people write them: <c>busybox</c>, <c>ghcr.io/a/b</c>.</summary>
    public string FamiliarName
    {
        get
        {
            if (Domain != DefaultDomain)
            {
                return Name;
            }
            return Path.StartsWith(OfficialPrefix, StringComparison.Ordinal) && Path.IndexOf('/', OfficialPrefix.Length) < 0
                ? Path[OfficialPrefix.Length..]
                : Path;
        }
    }

    /// <summary>The whole reference as people write it: <c>busybox:latest</c>.</summary>
    public string Familiar => FamiliarName + Suffix;

    /// <summary>This reference with the tag <c>latest</c>, unless it has a tag or a digest.</summary>
    public Reference WithDefaultTag() =>
        Tag is null && Digest is null ? new Reference(Domain, Path, DefaultTag, null) : this;

    /// <summary>This reference with the digest <paramref name="digest"/> and no tag.</summary>
    public Reference WithDigest(Digest digest) => new(Domain, Path, null, digest);

    /// <summary>Reads what a user wrote.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: says which part is wrong.</exception>
    public static Reference Parse(string text) => Read(text, out Reference? reference) is { } fault
        ? throw new CaissonException(ErrorKind.InvalidArgument, $"invalid image reference '{Shorten(text)}': {fault}")
        : reference!;

    /// <summary>Reads what a user wrote; false when it is no reference.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out Reference? reference) =>
        Read(text, out reference) is null;

    /// <summary>The whole reference in full, as it is stored and matched.</summary>
    public override string ToString() => Name + Suffix;

    private string Suffix => (Tag is null ? "" : ":" + Tag) + (Digest is null ? "" : "@" + Digest);

    private static string? Read(string text, out Reference? reference)
    {
        reference = null;
        ReadOnlySpan<char> rest = text;
        if (rest.IsEmpty)
        {
            return "it is empty";
        }
        if (text.Length == 64 && !rest.ContainsAnyExcept(HexDigits))
        {
            return "64 hex digits are an image id, not a name";
        }

        Digest? digest = null;
        int at = rest.IndexOf('@');
        if (at >= 0)
        {
            if (!Oci.Digest.TryParse(rest[(at + 1)..].ToString(), out Digest parsed))
            {
                return "after @ a digest is expected: sha256: and 64 lower-case hex digits";
            }
            digest = parsed;
            rest = rest[..at];
        }

        string? tag = null;
        int colon = rest.LastIndexOf(':');
        if (colon > rest.LastIndexOf('/'))
        {
            tag = rest[(colon + 1)..].ToString();
            rest = rest[..colon];
            if (!IsTag(tag))
            {
                return $"'{Shorten(tag)}' is not a tag: up to {TagLengthMax} letters, digits, '_', '.' and '-', not starting with '.' or '-'";
            }
        }

        var (domain, path) = SplitDomain(rest.ToString());
        if (!IsDomain(domain))
        {
            return $"'{Shorten(domain)}' is not a registry host";
        }
        if (path.AsSpan().ContainsAnyInRange('A', 'Z'))
        {
            return "a repository name must be lower-case";
        }
        foreach (Range part in path.AsSpan().Split('/'))
        {
            if (!IsPathComponent(path.AsSpan()[part]))
            {
                return $"'{Shorten(path)}' is not a repository name: lower-case letters and digits, separated by '.', '_', '__', '-' or '/'";
            }
        }
        if (domain.Length + 1 + path.Length > NameLengthMax)
        {
            return $"the name is longer than {NameLengthMax} characters";
        }
        reference = new Reference(domain, path, tag, digest);
        return null;
    }

    /// <summary>The first component is a registry when it has a dot, a colon or an upper-case letter, or is localhost.</summary>
    private static (string Domain, string Path) SplitDomain(string name)
    {
        int slash = name.IndexOf('/');
        string first = slash < 0 ? "" : name[..slash];
        bool isDomain = slash >= 0
            && (first.AsSpan().ContainsAny('.', ':') || first == "localhost" || first.AsSpan().ContainsAnyInRange('A', 'Z'));
        string domain = isDomain ? first : DefaultDomain;
        string path = isDomain ? name[(slash + 1)..] : name;
        if (domain == LegacyDomain)
        {
            domain = DefaultDomain;
        }
        return domain == DefaultDomain && !path.Contains('/') ? (domain, OfficialPrefix + path) : (domain, path);
    }

    private static bool IsTag(string tag) =>
        tag.Length is > 0 and <= TagLengthMax
        && tag[0] is not ('.' or '-')
        && tag.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-');

    private static bool IsDomain(string domain)
    {
        string host = domain;
        int colon = domain.LastIndexOf(':');
        if (colon >= 0 && !domain.EndsWith(']'))
        {
            host = domain[..colon];
            if (!ushort.TryParse(domain.AsSpan(colon + 1), System.Globalization.NumberStyles.None, null, out _))
            {
                return false;
            }
        }
        if (host.StartsWith('['))
        {
            return host.EndsWith(']') && host.Length > 4
                && !host.AsSpan(1, host.Length - 2).ContainsAnyExcept(Ipv6Characters);
        }
        return host.Split('.').All(label =>
            label.Length is > 0 and <= 63 && label[0] != '-' && label[^1] != '-'
            && label.All(c => char.IsAsciiLetterOrDigit(c) || c == '-'));
    }

    /// <summary>Runs of <c>[a-z0-9]</c> separated by one dot, one or two underscores, or any number of dashes.</summary>
    private static bool IsPathComponent(ReadOnlySpan<char> component)
    {
        bool wasAlphanumeric = false;
        for (int i = 0; i < component.Length;)
        {
            if (char.IsAsciiLetterLower(component[i]) || char.IsAsciiDigit(component[i]))
            {
                wasAlphanumeric = true;
                i++;
                continue;
            }
            int run = 1;
            while (i + run < component.Length && component[i + run] == component[i])
            {
                run++;
            }
            bool separator = component[i] switch { '.' => run == 1, '_' => run <= 2, '-' => true, _ => false };
            if (!separator || !wasAlphanumeric)
            {
                return false;
            }
            wasAlphanumeric = false;
            i += run;
        }
        return wasAlphanumeric;
    }

    private static string Shorten(string text) => text.Length <= 128 ? text : text[..128] + "…";
}
