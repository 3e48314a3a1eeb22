using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

using Caisson.Errors;

namespace Caisson.Images.Registry;

/// <summary>Shows one repository's registry who asks: by name and password, or by tokens that its token server makes of them.</summary>
/// <remarks>
/// Credentials go to the registry's own origin, and to a token server only when that is of the same domain or was listed for the registry.
/// For several threads. Source: RFC 7617; RFC 6750; distribution's "Token Authentication Specification" and "OAuth2 Token Authentication".
/// </remarks>
internal sealed class RegistryAuthority(RegistryHttp http, RegistryPlace place, RegistryCredentials? credentials)
{
    private const int TokenBytesMax = 256 * 1024;
    private const int ShortestLifeSeconds = 60;

    /// <summary>Second labels under which countries sell names, so that two such names have nothing in common.</summary>
    private static readonly string[] PublicSecondLabels = ["ac", "co", "com", "edu", "gov", "net", "or", "org", "ne", "go"];

    private readonly Lock _sync = new();
    private readonly Dictionary<string, Grant> _grants = new(StringComparer.Ordinal);

    /// <summary>What the registry's own origin is known to want for <paramref name="scope"/>; null when nothing is known.</summary>
    public AuthenticationHeaderValue? Known(string scope)
    {
        if (credentials is { RegistryToken.Length: > 0 })
        {
            return new AuthenticationHeaderValue("Bearer", credentials.RegistryToken);
        }
        lock (_sync)
        {
            return _grants.TryGetValue(scope, out Grant? grant) && grant.Ends > Environment.TickCount64 ? grant.Header : null;
        }
    }

    /// <summary>What to send after the registry has refused <paramref name="refused"/>; null when there is nothing better.</summary>
    public async Task<AuthenticationHeaderValue?> AnswerAsync(
        Uri origin, HttpResponseMessage response, string scope, AuthenticationHeaderValue? refused, CancellationToken cancellation)
    {
        AuthChallenge[] challenges = [.. response.Headers.WwwAuthenticate.SelectMany(header => AuthChallenge.Parse(header.ToString()))];
        Grant? grant = null;
        if (challenges.FirstOrDefault(challenge => challenge.Scheme == "bearer") is { } bearer)
        {
            grant = await FetchTokenAsync(origin, bearer, scope, cancellation);
        }
        else if (challenges.Any(challenge => challenge.Scheme == "basic") && credentials is { Username.Length: > 0 } && refused?.Scheme != "Basic")
        {
            grant = new Grant(new AuthenticationHeaderValue("Basic", credentials.Basic), long.MaxValue);
        }
        if (grant is not null)
        {
            lock (_sync)
            {
                _grants[scope] = grant;
            }
        }
        return grant?.Header;
    }

    private async Task<Grant?> FetchTokenAsync(Uri origin, AuthChallenge challenge, string scope, CancellationToken cancellation)
    {
        if (!challenge.Parameters.TryGetValue("realm", out string? realmText)
            || !Uri.TryCreate(realmText, UriKind.Absolute, out Uri? realm)
            || realm.Scheme is not ("http" or "https")
            || realm.UserInfo.Length > 0)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{place.Host} wants a token but does not name a server that makes one");
        }
        if (realm.Scheme == "http" && origin.Scheme != "http")
        {
            throw new CaissonException(ErrorKind.PermissionDenied, $"{place.Host} wants a token of {realm.Authority}, without encryption: refused");
        }
        bool withCredentials = credentials is not null;
        if (withCredentials && !MayKnow(origin, realm))
        {
            throw new CaissonException(
                ErrorKind.PermissionDenied,
                $"{place.Host} wants its credentials shown to {realm.Authority}, which is not of its domain: refused; list that host in tokenServers of {place.Domain} if it should be");
        }

        string service = challenge.Parameters.GetValueOrDefault("service", "");
        using HttpRequestMessage request = credentials is { IdentityToken.Length: > 0 }
            ? Refresh(realm, service, scope, credentials.IdentityToken)
            : Ask(realm, service, scope);
        bool own = Uri.Compare(realm, origin, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0;
        using HttpResponseMessage response = own || (withCredentials && place.IsThisMachine)
            ? await SendToAsync(realm, own, request, cancellation)
            : await http.SendForeignAsync(place, request, cancellation);
        if (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
        {
            throw await RegistryAnswer.ErrorAsync(response, $"{realm.Authority} refuses {(withCredentials ? $"the credentials for {place.Domain}" : "a token without credentials")}", cancellation);
        }
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw await RegistryAnswer.ErrorAsync(response, $"ask {realm.Authority} for a token", cancellation);
        }
        return ReadToken(realm, await RegistryAnswer.ReadAsync(response, TokenBytesMax, $"the token of {realm.Authority}", http.Settings.Patience, cancellation));
    }

    private Task<HttpResponseMessage> SendToAsync(Uri realm, bool own, HttpRequestMessage request, CancellationToken cancellation) => own
        ? http.SendAsync(place, request, cancellation)
        : http.SendAsync(place with { Host = realm.Authority, Domain = realm.Authority }, request, cancellation);

    private HttpRequestMessage Ask(Uri realm, string service, string scope)
    {
        List<string> query = [];
        if (service.Length > 0)
        {
            query.Add("service=" + Uri.EscapeDataString(service));
        }
        query.AddRange(scope.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(each => "scope=" + Uri.EscapeDataString(each)));
        if (credentials is { Username.Length: > 0 })
        {
            query.Add("account=" + Uri.EscapeDataString(credentials.Username));
        }
        var builder = new UriBuilder(realm) { Fragment = "" };
        builder.Query = string.Join('&', builder.Query.Length > 1 ? query.Prepend(builder.Query[1..]) : query);
        var request = new HttpRequestMessage(HttpMethod.Get, builder.Uri);
        if (credentials is { Username.Length: > 0 })
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", credentials.Basic);
        }
        return request;
    }

    private static HttpRequestMessage Refresh(Uri realm, string service, string scope, string token) => new(HttpMethod.Post, realm)
    {
        Content = new FormUrlEncodedContent(
        [
            new("grant_type", "refresh_token"), new("refresh_token", token), new("service", service), new("scope", scope), new("client_id", "caisson"),
        ]),
    };

    /// <summary>True when <paramref name="realm"/> may be shown what the registry may: its own origin, its domain, or a listed host.</summary>
    private bool MayKnow(Uri origin, Uri realm)
    {
        string host = realm.IdnHost.ToLowerInvariant();
        string own = origin.IdnHost.ToLowerInvariant();
        if (host == own || place.Entry.TokenServers.Any(server => server.Equals(realm.Authority, StringComparison.OrdinalIgnoreCase)))
        {
            return true;
        }
        if (realm.HostNameType != UriHostNameType.Dns || origin.HostNameType != UriHostNameType.Dns || realm.Scheme != "https")
        {
            return false;
        }
        string[] labels = own.Split('.');
        if (labels.Length < 3 || (labels.Length == 3 && labels[2].Length == 2 && PublicSecondLabels.Contains(labels[1])))
        {
            return false;
        }
        string domain = string.Join('.', labels[1..]);
        return host == domain || host.EndsWith("." + domain, StringComparison.Ordinal);
    }

    private static Grant ReadToken(Uri realm, byte[] content)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(content);
            JsonElement root = document.RootElement;
            string token = root.TryGetProperty("token", out JsonElement given) && given.ValueKind == JsonValueKind.String ? given.GetString()! : "";
            if (token.Length == 0 && root.TryGetProperty("access_token", out given) && given.ValueKind == JsonValueKind.String)
            {
                token = given.GetString()!;
            }
            if (token.Length == 0 || token.Any(c => !char.IsAsciiLetterOrDigit(c) && !"-._~+/=".Contains(c, StringComparison.Ordinal)))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"{realm.Authority} answers without a token");
            }
            long seconds = root.TryGetProperty("expires_in", out JsonElement life) && life.TryGetInt64(out long stated)
                ? Math.Clamp(stated, ShortestLifeSeconds, 86_400)
                : ShortestLifeSeconds;
            return new Grant(new AuthenticationHeaderValue("Bearer", token), Environment.TickCount64 + ((seconds - 10) * 1000));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{realm.Authority} answers with something that is no token: {e.Message.TrimEnd('.')}", e);
        }
    }

    /// <param name="Header">What to send.</param>
    /// <param name="Ends">When it is of no use any more, in milliseconds of <see cref="Environment.TickCount64"/>.</param>
    private sealed record Grant(AuthenticationHeaderValue Header, long Ends);
}
