using Caisson.Errors;

namespace Caisson.Api.Grpc;

/// <summary>How a call ended. Source: gRPC's "Status codes and their use in gRPC".</summary>
internal enum GrpcStatus
{
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
}

/// <summary>An end of a call for which the engine has no kind of error.</summary>
internal sealed class GrpcException(GrpcStatus status, string message) : Exception(message)
{
    public GrpcStatus Status => status;
}

/// <summary>The one table from our kinds of error to the codes of gRPC.</summary>
internal static class GrpcStatuses
{
    /// <summary>The code for <paramref name="kind"/>.</summary>
    public static GrpcStatus Of(ErrorKind kind) => kind switch
    {
        ErrorKind.InvalidArgument => GrpcStatus.InvalidArgument,
        ErrorKind.NotFound => GrpcStatus.NotFound,
        ErrorKind.AlreadyExists => GrpcStatus.AlreadyExists,
        ErrorKind.Conflict or ErrorKind.FailedPrecondition => GrpcStatus.FailedPrecondition,
        ErrorKind.PermissionDenied => GrpcStatus.PermissionDenied,
        ErrorKind.ResourceExhausted => GrpcStatus.ResourceExhausted,
        ErrorKind.Unavailable => GrpcStatus.Unavailable,
        ErrorKind.Unimplemented => GrpcStatus.Unimplemented,
        ErrorKind.Cancelled => GrpcStatus.Cancelled,
        _ => GrpcStatus.Internal,
    };
}
