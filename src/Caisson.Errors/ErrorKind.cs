namespace Caisson.Errors;

/// <summary>What went wrong, in the closed list that containerd and gRPC share; edges map it to their own codes.</summary>
public enum ErrorKind
{
    /// <summary>A fault of ours; nothing the caller can mend.</summary>
    Internal,

    /// <summary>The request itself is malformed or contradicts itself.</summary>
    InvalidArgument,

    /// <summary>The named thing does not exist.</summary>
    NotFound,

    /// <summary>A thing of that name exists.</summary>
    AlreadyExists,

    /// <summary>The thing is in a state, or used in a way, that excludes the request.</summary>
    Conflict,

    /// <summary>The request is sound but something must be done first.</summary>
    FailedPrecondition,

    /// <summary>The kernel or a policy refuses the caller.</summary>
    PermissionDenied,

    /// <summary>A limit, a quota or the machine is used up.</summary>
    ResourceExhausted,

    /// <summary>The other side cannot be reached now; the same request may succeed later.</summary>
    Unavailable,

    /// <summary>This build or this kernel cannot do it.</summary>
    Unimplemented,

    /// <summary>The caller, or a deadline, ended the operation.</summary>
    Cancelled,
}
