using Caisson.Api.Transport;
using Caisson.Errors;

using Microsoft.AspNetCore.Http;

namespace Caisson.Api.Http;

/// <summary>Keeps web pages out: a browser of somebody who may use the engine must not do so for a page that it shows.</summary>
/// <remarks>No client of Docker sends these headers, and no page of ours needs the API. Source: Fetch Standard, Origin and Sec-Fetch-* headers.</remarks>
internal static class BrowserGuard
{
    /// <summary>Lets <paramref name="request"/> pass, or throws.</summary>
    /// <param name="request">Its head is read, nothing else.</param>
    /// <param name="hosts">The names of the listener it came by.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.PermissionDenied"/>: it comes from a web page.</exception>
    public static void Check(HttpRequest request, HostNames hosts)
    {
        foreach (string header in (ReadOnlySpan<string>)["Sec-Fetch-Site", "Sec-Fetch-Mode", "Referer"])
        {
            if (request.Headers.ContainsKey(header))
            {
                throw new CaissonException(ErrorKind.PermissionDenied, $"requests from web pages are refused: this one has the header {header}");
            }
        }
        if (!hosts.Expects(request.Host.Host))
        {
            throw new CaissonException(
                ErrorKind.PermissionDenied,
                $"this engine is not called '{request.Host.Host}' (header Host): use an address, localhost or a name in its certificate, or start caissond with --allow-host");
        }
        if (request.Headers.Origin.Count > 0 && !IsOwn(request))
        {
            throw new CaissonException(ErrorKind.PermissionDenied, "requests from web pages are refused: this one has the header Origin");
        }
    }

    /// <summary>Libraries for websockets outside browsers write the address they call as the origin; a page at that address would be ours.</summary>
    private static bool IsOwn(HttpRequest request) =>
        request.Headers.Origin is [{ } origin]
        && request.Headers.Upgrade.Any(value => "websocket".Equals(value, StringComparison.OrdinalIgnoreCase))
        && Uri.TryCreate(origin, UriKind.Absolute, out Uri? uri)
        && uri.Authority.Equals(request.Host.Value, StringComparison.OrdinalIgnoreCase);
}
