using System.Net;
using System.Net.Sockets;
using System.Text;

using Caisson.Linux;

namespace Caisson.Control.Health;

/// <summary>Makes checks by the network, from within a container's network namespace and without any program in it.</summary>
/// <remarks>
/// A socket belongs to the namespace in which it is made: a thread of its own enters the namespace, makes the socket and ends; what follows
/// happens outside. What the container answers is bounded in length by the caller's limit and in time by the caller's cancellation.
/// </remarks>
internal static class NetworkProbe
{
    private const int HeadBytesMax = 64;

    /// <summary>Connects.</summary>
    /// <returns>0 and no text, or 1 and why not.</returns>
    public static async Task<(int Code, string Output)> ConnectAsync(Namespace network, HealthProbe.Tcp probe, CancellationToken cancellationToken)
    {
        try
        {
            using Socket socket = await OpenAsync(network, probe.Endpoints, cancellationToken);
            return (0, "");
        }
        catch (SocketException error)
        {
            return (1, $"connect to {probe.Endpoints[0]}: {Reason(error)}");
        }
    }

    /// <summary>Sends a GET and reads the beginning of the answer.</summary>
    /// <returns>0 for an answer of 200 to 399, else 1; and the answer's first line and the beginning of its body, or why there is none.</returns>
    public static async Task<(int Code, string Output)> GetAsync(Namespace network, HealthProbe.Http probe, int bytesMax, CancellationToken cancellationToken)
    {
        byte[] request = Encoding.ASCII.GetBytes(
            $"GET {probe.Target} HTTP/1.1\r\nHost: {probe.Host}\r\nUser-Agent: caisson-health\r\nAccept: */*\r\nConnection: close\r\n\r\n");
        byte[] answer = new byte[bytesMax];
        int count = 0;
        try
        {
            using Socket socket = await OpenAsync(network, probe.Endpoints, cancellationToken);
            for (int sent = 0; sent < request.Length;)
            {
                sent += await socket.SendAsync(request.AsMemory(sent), SocketFlags.None, cancellationToken);
            }
            while (count < answer.Length && !IsComplete(answer.AsSpan(0, count)))
            {
                int read = await socket.ReceiveAsync(answer.AsMemory(count), SocketFlags.None, cancellationToken);
                if (read == 0)
                {
                    break;
                }
                count += read;
            }
        }
        catch (SocketException error) when (count == 0)
        {
            return (1, $"GET {probe.Target} from {probe.Endpoints[0]}: {Reason(error)}");
        }
        catch (SocketException)
        {
            // What came before the connection broke is the answer.
        }
        return Judge(answer.AsSpan(0, count), probe);
    }

    /// <summary>The status line decides; a server that keeps the connection open must not make the check wait.</summary>
    private static bool IsComplete(ReadOnlySpan<byte> answer)
    {
        int head = answer.IndexOf("\r\n\r\n"u8);
        if (head < 0)
        {
            return false;
        }
        string text = Encoding.Latin1.GetString(answer[..head]);
        int at = text.IndexOf("\r\ncontent-length:", StringComparison.OrdinalIgnoreCase);
        if (at < 0)
        {
            return false;
        }
        string value = text[(at + 17)..].Split("\r\n")[0].Trim();
        return int.TryParse(value, System.Globalization.CultureInfo.InvariantCulture, out int length) && answer.Length - head - 4 >= length;
    }

    internal static (int Code, string Output) Judge(ReadOnlySpan<byte> answer, HealthProbe.Http probe)
    {
        int line = answer[..Math.Min(answer.Length, HeadBytesMax * 4)].IndexOf((byte)'\n');
        string first = Encoding.Latin1.GetString(answer[..(line < 0 ? Math.Min(answer.Length, HeadBytesMax) : line)]).TrimEnd('\r');
        string[] words = first.Split(' ', 3);
        if (words.Length < 2 || !words[0].StartsWith("HTTP/", StringComparison.Ordinal) || words[1].Length != 3 || !int.TryParse(words[1], System.Globalization.CultureInfo.InvariantCulture, out int status))
        {
            return (1, answer.IsEmpty
                ? $"GET {probe.Target} from {probe.Endpoints[0]}: the connection was closed without an answer"
                : $"GET {probe.Target} from {probe.Endpoints[0]}: the answer is not HTTP");
        }
        int head = answer.IndexOf("\r\n\r\n"u8);
        string body = head < 0 ? "" : Encoding.UTF8.GetString(answer[(head + 4)..]);
        return (status is >= 200 and < 400 ? 0 : 1, body.Length > 0 ? $"{first}\n{body}" : first);
    }

    /// <summary>Connects to the first of the endpoints that answers.</summary>
    /// <exception cref="SocketException">None does; says of the first why not.</exception>
    public static async Task<Socket> OpenAsync(Namespace network, IReadOnlyList<IPEndPoint> endpoints, CancellationToken cancellationToken)
    {
        SocketException? refused = null;
        foreach (IPEndPoint endpoint in endpoints)
        {
            Socket? socket = null;
            try
            {
                network.RunInside(() => socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
                await socket!.ConnectAsync(endpoint, cancellationToken);
                return socket;
            }
            catch (SocketException error)
            {
                socket?.Dispose();
                refused ??= error;
            }
            catch
            {
                socket?.Dispose();
                throw;
            }
        }
        throw refused!;
    }

    private static string Reason(SocketException error) => error.SocketErrorCode switch
    {
        SocketError.ConnectionRefused => "connection refused",
        SocketError.NetworkUnreachable => "network is unreachable",
        SocketError.HostUnreachable => "no route to host",
        SocketError.ConnectionReset => "connection reset by peer",
        SocketError.TimedOut => "connection timed out",
        var other => other.ToString(),
    };
}
