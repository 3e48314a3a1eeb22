using Caisson.Errors;

namespace Caisson.Registry;

/// <summary>Why a registry refuses, in the standard's words. Source: distribution-spec, "Error Codes".</summary>
public enum RefusalCode
{
    /// <summary>The repository does not have the blob.</summary>
    BlobUnknown,

    /// <summary>A chunk that does not follow what came before.</summary>
    BlobUploadInvalid,

    /// <summary>No such upload.</summary>
    BlobUploadUnknown,

    /// <summary>Other content than its digest says, or no digest.</summary>
    DigestInvalid,

    /// <summary>A manifest refers to something that the repository does not have.</summary>
    ManifestBlobUnknown,

    /// <summary>Not a manifest.</summary>
    ManifestInvalid,

    /// <summary>The repository does not have the manifest.</summary>
    ManifestUnknown,

    /// <summary>Not the name of a repository.</summary>
    NameInvalid,

    /// <summary>No such repository.</summary>
    NameUnknown,

    /// <summary>Another length than announced, or more than is taken.</summary>
    SizeInvalid,

    /// <summary>Bytes that are not there were asked for, or a chunk came out of order.</summary>
    RangeInvalid,

    /// <summary>Who asks is not known.</summary>
    Unauthorized,

    /// <summary>Who asks may not.</summary>
    Denied,

    /// <summary>This registry does not do that.</summary>
    Unsupported,
}

/// <summary>A request that the registry does not carry out.</summary>
public sealed class RegistryRefusal : CaissonException
{
    /// <summary>Refuses for <paramref name="code"/>; the message says more to people.</summary>
    public RegistryRefusal(RefusalCode code, string message, Exception? cause = null) : base(KindOf(code), message, cause) => Code = code;

    /// <summary>The standard's word.</summary>
    public RefusalCode Code { get; }

    private static ErrorKind KindOf(RefusalCode code) => code switch
    {
        RefusalCode.BlobUnknown or RefusalCode.BlobUploadUnknown or RefusalCode.ManifestUnknown or RefusalCode.NameUnknown => ErrorKind.NotFound,
        RefusalCode.Unauthorized or RefusalCode.Denied => ErrorKind.PermissionDenied,
        RefusalCode.Unsupported => ErrorKind.Unimplemented,
        _ => ErrorKind.InvalidArgument,
    };
}
