using System.Text;

namespace Caisson.Images.Registry;

/// <summary>Who asks a registry. Bound to the registry it is for: nobody else is ever sent any of it.</summary>
/// <remarks>Source: distribution-spec, and moby's <c>AuthConfig</c>.</remarks>
public sealed record RegistryCredentials
{
    /// <summary>The user's name; empty with a token.</summary>
    public string Username { get; init; } = "";

    /// <summary>The password or access token of <see cref="Username"/>.</summary>
    public string Password { get; init; } = "";

    /// <summary>A refresh token of the registry's token server; empty without one.</summary>
    public string IdentityToken { get; init; } = "";

    /// <summary>A bearer token that is sent as it is; empty without one.</summary>
    public string RegistryToken { get; init; } = "";

    /// <summary>The registry, as a domain of references; null for the one that is asked.</summary>
    public string? Domain { get; init; }

    /// <summary>True when there is nothing to send.</summary>
    public bool IsEmpty => Username.Length == 0 && IdentityToken.Length == 0 && RegistryToken.Length == 0;

    /// <summary>These credentials when they are for <paramref name="domain"/>; null otherwise.</summary>
    public RegistryCredentials? For(string domain) => !IsEmpty && (Domain is null || Domain == domain) ? this : null;

    /// <summary>The domain of references that the address of a registry in Docker's files means.</summary>
    /// <param name="address">Such as <c>https://index.docker.io/v1/</c> or <c>localhost:5000</c>; null or empty for none.</param>
    public static string? DomainOf(string? address)
    {
        if (string.IsNullOrEmpty(address))
        {
            return null;
        }
        int scheme = address.IndexOf("://", StringComparison.Ordinal);
        string host = scheme < 0 ? address : address[(scheme + 3)..];
        int slash = host.IndexOf('/', StringComparison.Ordinal);
        host = slash < 0 ? host : host[..slash];
        return host is "index.docker.io" or "registry-1.docker.io" or "registry.hub.docker.com" ? RegistrySettings.DockerHub : host;
    }

    /// <summary>Never shows a secret.</summary>
    public override string ToString() => Username.Length > 0 ? Username : "(token)";

    internal string Basic => Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Username}:{Password}"));
}
