using Caisson.Registry;

namespace Caisson.Api.Registry;

/// <summary>What a path below <c>/v2/</c> is about.</summary>
internal enum RegistryResource
{
    Base,
    Catalog,
    Tags,
    Manifest,
    Blob,
    Uploads,
    Upload,
    Referrers,
}

/// <summary>A path of the registry's API: a repository, whose name has any number of parts, and something in it.</summary>
/// <param name="Resource">What.</param>
/// <param name="Repository">Empty where there is none.</param>
/// <param name="Name">A tag, a digest, or an upload; empty where there is none.</param>
/// <remarks>Source: distribution-spec, "Endpoints".</remarks>
internal readonly record struct RegistryPath(RegistryResource Resource, string Repository, string Name)
{
    /// <summary>Reads a path; null when the API has no such.</summary>
    public static RegistryPath? Parse(string path)
    {
        if (path is "/v2" or "/v2/")
        {
            return new(RegistryResource.Base, "", "");
        }
        if (!path.StartsWith("/v2/", StringComparison.Ordinal))
        {
            return null;
        }
        if (path == "/v2/_catalog")
        {
            return new(RegistryResource.Catalog, "", "");
        }
        string[] parts = path[4..].Split('/');
        return parts switch
        {
            [.., "tags", "list"] when parts.Length > 2 => new(RegistryResource.Tags, Join(2), ""),
            [.., "blobs", "uploads", ""] when parts.Length > 3 => new(RegistryResource.Uploads, Join(3), ""),
            [.., "blobs", "uploads", var id] when parts.Length > 3 => new(RegistryResource.Upload, Join(3), id),
            [.., "blobs", "uploads"] when parts.Length > 2 => new(RegistryResource.Uploads, Join(2), ""),
            [.., "manifests", var name] when parts.Length > 2 => new(RegistryResource.Manifest, Join(2), name),
            [.., "blobs", var digest] when parts.Length > 2 => new(RegistryResource.Blob, Join(2), digest),
            [.., "referrers", var digest] when parts.Length > 2 => new(RegistryResource.Referrers, Join(2), digest),
            _ => null,
        };

        string Join(int less) => string.Join('/', parts, 0, parts.Length - less);
    }

    /// <summary>Requires that the repository has a name that can be.</summary>
    public void CheckName()
    {
        if (!RepositoryName.IsValid(Repository))
        {
            throw new RegistryRefusal(RefusalCode.NameInvalid, "that is not the name of a repository: lower-case letters and digits, separated by '.', '_', '__', '-' or '/'");
        }
    }
}
