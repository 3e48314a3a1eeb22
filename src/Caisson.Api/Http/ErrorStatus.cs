using Caisson.Errors;

namespace Caisson.Api.Http;

/// <summary>The one table from our kinds of error to HTTP status codes, as Docker's clients expect them.</summary>
internal static class ErrorStatus
{
    /// <summary>The status for <paramref name="kind"/>.</summary>
    public static int Of(ErrorKind kind) => kind switch
    {
        ErrorKind.InvalidArgument => 400,
        ErrorKind.PermissionDenied => 403,
        ErrorKind.NotFound => 404,
        ErrorKind.AlreadyExists or ErrorKind.Conflict => 409,
        ErrorKind.FailedPrecondition => 409,
        ErrorKind.ResourceExhausted => 507,
        ErrorKind.Unimplemented => 501,
        ErrorKind.Unavailable => 503,
        ErrorKind.Cancelled => 499,
        _ => 500,
    };
}
