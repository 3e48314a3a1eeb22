using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

using Caisson.Oci;

namespace Caisson.Registry.Tests;

/// <summary>One request as it came.</summary>
public sealed record Asked(string Method, string Path, IReadOnlyDictionary<string, string> Headers)
{
    public string? this[string name] => Headers.GetValueOrDefault(name);
}

/// <summary>What to answer. Headers that are named here replace the usual ones; a null body cuts the connection.</summary>
public sealed record Answer(int Status, byte[]? Body, params (string Name, string Value)[] Headers)
{
    /// <summary>How much of the body is sent before the connection is cut; null for all.</summary>
    public int? CutAfter { get; init; }

    /// <summary>After what is sent, nothing more is, and the connection stays.</summary>
    public bool Stalls { get; init; }
}

/// <summary>A registry that does what a test says, truth or lie.</summary>
#pragma warning disable CA1001 // a source without a timer or a linked token holds nothing that needs to be given back
public sealed class ScriptedRegistry : IDisposable
#pragma warning restore CA1001
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<Asked, Answer?> _script;
    private readonly SampleImage _image;

    /// <param name="image">Served where the script says nothing.</param>
    /// <param name="script">Null for the usual answer.</param>
    public ScriptedRegistry(SampleImage image, Func<Asked, Answer?>? script = null)
    {
        _image = image;
        _script = script ?? (_ => null);
        _listener.Start();
        _ = AcceptAsync();
    }

    public ConcurrentQueue<Asked> Requests { get; } = new();

    public string Host => $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    public Reference Reference => Reference.Parse($"{Host}/app:1");

    public int Count(string part) => Requests.Count(request => request.Method == "GET" && request.Path.Contains(part, StringComparison.Ordinal));

    public void Dispose()
    {
        _listener.Stop();
        _stop.Cancel(); // not disposed: connections look at it when they end
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await _listener.AcceptSocketAsync(_stop.Token));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using (socket)
        {
            try
            {
                await using var stream = new NetworkStream(socket);
                using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
                while (await reader.ReadLineAsync(_stop.Token) is { Length: > 0 } line)
                {
                    string[] words = line.Split(' ');
                    Dictionary<string, string> headers = new(StringComparer.OrdinalIgnoreCase);
                    while (await reader.ReadLineAsync(_stop.Token) is { Length: > 0 } header)
                    {
                        headers[header[..header.IndexOf(':')]] = header[(header.IndexOf(':') + 1)..].Trim();
                    }
                    var asked = new Asked(words[0], words[1], headers);
                    Requests.Enqueue(asked);
                    if (!await WriteAsync(stream, asked, _script(asked) ?? Usual(asked)))
                    {
                        return;
                    }
                }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
            {
                // The client has had enough.
            }
        }
    }

    private Answer Usual(Asked asked)
    {
        if (asked.Path is "/v2/" or "/v2/?")
        {
            return new Answer(200, "{}"u8.ToArray());
        }
        string name = asked.Path[(asked.Path.LastIndexOf('/') + 1)..];
        if (asked.Path.Contains("/manifests/", StringComparison.Ordinal) && !name.StartsWith("sha256-", StringComparison.Ordinal))
        {
            return new Answer(200, _image.Manifest, ("Content-Type", MediaTypes.ImageManifest));
        }
        if (!_image.Blobs.TryGetValue(name, out byte[]? blob))
        {
            return new Answer(404, "{}"u8.ToArray());
        }
        if (asked["Range"] is { } range)
        {
            int first = int.Parse(range["bytes=".Length..^1], CultureInfo.InvariantCulture);
            return new Answer(206, blob[first..], ("Content-Range", $"bytes {first}-{blob.Length - 1}/{blob.Length}"));
        }
        return new Answer(200, blob);
    }

    private async Task<bool> WriteAsync(NetworkStream stream, Asked asked, Answer answer)
    {
        if (answer.Body is not { } body)
        {
            return false;
        }
        var head = new StringBuilder($"HTTP/1.1 {answer.Status} X\r\n");
        if (!answer.Headers.Any(header => header.Name == "Content-Length"))
        {
            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {body.Length}\r\n");
        }
        foreach ((string name, string value) in answer.Headers)
        {
            head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        }
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head.Append("\r\n").ToString()), _stop.Token);
        if (asked.Method != "HEAD")
        {
            await stream.WriteAsync(body.AsMemory(0, answer.CutAfter ?? body.Length), _stop.Token);
        }
        if (answer.Stalls)
        {
            await Task.Delay(Timeout.Infinite, _stop.Token);
        }
        return answer.CutAfter is null;
    }
}
