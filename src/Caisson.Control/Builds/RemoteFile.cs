using System.Net;

using Caisson.Errors;
using Caisson.Oci;

namespace Caisson.Control.Builds;

/// <summary>Fetches what <c>ADD</c> names by an address.</summary>
internal static class RemoteFile
{
    private const long SizeBytesMax = 16L << 30;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(30);

    /// <summary>What was fetched.</summary>
    /// <param name="Name">The last name of the address; empty when it has none.</param>
    /// <param name="Path">Where it is kept; the caller deletes it.</param>
    /// <param name="Modified">When it was last changed, as the server says; null when it does not.</param>
    /// <param name="Digest">Of the content.</param>
    internal sealed record Fetched(string Name, string Path, DateTimeOffset? Modified, Digest Digest);

    /// <summary>True for what is an address rather than a path.</summary>
    public static bool IsAddress(string source) =>
        source.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || source.StartsWith("https://", StringComparison.OrdinalIgnoreCase);

    /// <summary>True for a repository, which is not supported.</summary>
    public static bool IsRepository(string source) =>
        source.StartsWith("git@", StringComparison.Ordinal) || source.StartsWith("git://", StringComparison.OrdinalIgnoreCase) || source.StartsWith("ssh://", StringComparison.OrdinalIgnoreCase)
        || (IsAddress(source) && new Uri(source).AbsolutePath.EndsWith(".git", StringComparison.Ordinal));

    /// <summary>Fetches a file.</summary>
    /// <param name="address">Its address.</param>
    /// <param name="directory">Where to keep it.</param>
    /// <param name="cancellation">Ends the work.</param>
    public static async Task<Fetched> FetchAsync(string address, string directory, CancellationToken cancellation)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out Uri? uri))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"'{address}' is no address");
        }
        string path = $"{directory}/fetched-{Guid.NewGuid():N}";
        try
        {
            using var handler = new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.None };
            using var client = new HttpClient(handler) { Timeout = Patience };
            using HttpResponseMessage response = await client.GetAsync(uri, HttpCompletionOption.ResponseHeadersRead, cancellation);
            if (!response.IsSuccessStatusCode)
            {
                throw new CaissonException(ErrorKind.Unavailable, $"fetch {address}: the server answers {(int)response.StatusCode} {response.ReasonPhrase}");
            }
            Digest digest;
            await using (Stream body = await response.Content.ReadAsStreamAsync(cancellation))
            await using (FileStream file = new(path, FileMode.CreateNew, FileAccess.ReadWrite))
            {
                digest = await CopyAsync(body, file, address, cancellation);
            }
            return new Fetched(Uri.UnescapeDataString(uri.Segments[^1]).Trim('/'), path, response.Content.Headers.LastModified, digest);
        }
        catch (Exception error) when (error is HttpRequestException or IOException)
        {
            File.Delete(path);
            throw new CaissonException(ErrorKind.Unavailable, $"fetch {address}: {error.Message}", error);
        }
        catch
        {
            File.Delete(path);
            throw;
        }
    }

    private static async Task<Digest> CopyAsync(Stream body, FileStream file, string address, CancellationToken cancellation)
    {
        using var hash = System.Security.Cryptography.IncrementalHash.CreateHash(System.Security.Cryptography.HashAlgorithmName.SHA256);
        byte[] buffer = new byte[128 * 1024];
        for (int read = await body.ReadAsync(buffer, cancellation); read > 0; read = await body.ReadAsync(buffer, cancellation))
        {
            if (file.Length + read > SizeBytesMax)
            {
                throw new CaissonException(ErrorKind.ResourceExhausted, $"fetch {address}: it has more than {SizeBytesMax} bytes");
            }
            hash.AppendData(buffer, 0, read);
            await file.WriteAsync(buffer.AsMemory(0, read), cancellation);
        }
        return Digest.FromSha256(hash.GetHashAndReset());
    }
}
