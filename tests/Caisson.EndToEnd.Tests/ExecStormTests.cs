using System.Buffers.Binary;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

using Caisson.EndToEnd.Tests.Chaos;

using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>Many execs that all run at the same time. CAISSON_EXECS says how many.</summary>
public sealed class ExecStormTests(Engine engine) : IClassFixture<Engine>
{
    /// <summary>How many are being started at a time; those that run wait for their input.</summary>
    private const int StartingMax = 32;

    /// <summary>In one container; the engine lets 1,024 live.</summary>
    private const int ExecsMax = 1_000;

    [Fact]
    public async Task Execs_that_run_at_the_same_time_lose_no_byte_and_no_exit_code()
    {
        engine.SkipUnlessPublished();
        int count = int.TryParse(Environment.GetEnvironmentVariable("CAISSON_EXECS"), CultureInfo.InvariantCulture, out int asked) ? asked : 200;
        string[] containers = [.. Enumerable.Range(0, 1 + (count / ExecsMax)).Select(number => string.Create(CultureInfo.InvariantCulture, $"storm{number}"))];
        foreach (string container in containers)
        {
            Assert.Equal(0, engine.Caisson("run", "-d", "--name", container, "--network", "none", "--pids-limit", "-1", "busybox", "sleep", "100000").Code);
        }
        using EngineHttp http = new($"{engine.Run}/docker.sock");
        using SemaphoreSlim starting = new(StartingMax);

        Task<Running>[] starts = [.. Enumerable.Range(0, count).Select(number => StartAsync(http, starting, containers[number % containers.Length], number))];
        Running[] all = await Task.WhenAll(starts);
        int running = await CountAsync(containers, count);
        string?[] faults = await Task.WhenAll(all.Select(exec => FinishAsync(http, exec)));

        engine.Caisson(["rm", "-f", .. containers]);
        Assert.Equal(count, running);
        Assert.Empty(faults.OfType<string>());
    }

    /// <summary>How many of the programs run, once all do; a stream is opened before its program is executed.</summary>
    private async Task<int> CountAsync(string[] containers, int expected)
    {
        int count = 0;
        for (int attempt = 0; attempt < 300 && count != expected; attempt++)
        {
            await Task.Delay(attempt * 2);
            count = containers.Sum(container =>
                engine.Caisson("top", container).Output.Split('\n').Count(line => line.Contains("cat; exit", StringComparison.Ordinal)));
        }
        return count;
    }

    private async Task<Running> StartAsync(EngineHttp http, SemaphoreSlim starting, string container, int number)
    {
        await starting.WaitAsync();
        try
        {
            Reply created = await http.Post($"/containers/{container}/exec", new
            {
                AttachStdin = true,
                AttachStdout = true,
                AttachStderr = true,
                Cmd = new[] { "sh", "-c", string.Create(CultureInfo.InvariantCulture, $"cat; exit {number % 256}") },
            });
            Assert.True(created.Status == 201, $"exec {number}: {created}");
            string id = created.Json.GetProperty("Id").GetString()!;
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint($"{engine.Run}/docker.sock"));
            const string Body = """{"Detach":false,"Tty":false}""";
            await socket.SendAsync(Encoding.ASCII.GetBytes(
                $"POST /exec/{id}/start HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: {Body.Length}\r\n\r\n{Body}"));
            Assert.StartsWith("HTTP/1.1 101 ", await ReadHeadAsync(socket), StringComparison.Ordinal);
            return new Running(number, id, socket);
        }
        finally
        {
            starting.Release();
        }
    }

    /// <summary>Gives an exec bytes of its own, ends its input, and says what did not come back.</summary>
    private static async Task<string?> FinishAsync(EngineHttp http, Running exec)
    {
        byte[] given = new byte[1 + (exec.Number * 7919 % 65_536)];
        new Random(exec.Number).NextBytes(given);
        byte[] received;
        using (exec.Socket)
        {
            Task<byte[]> reading = ReadToEndAsync(exec.Socket);
            for (int sent = 0; sent < given.Length;)
            {
                sent += await exec.Socket.SendAsync(given.AsMemory(sent));
            }
            exec.Socket.Shutdown(SocketShutdown.Send);
            received = await reading;
        }
        if (!Stdout(received).AsSpan().SequenceEqual(given))
        {
            return $"exec {exec.Number}: {given.Length} bytes in, {Stdout(received).Length} out, or others";
        }
        Reply ended = await http.Get($"/exec/{exec.Id}/json");
        int? code = ended.IsDone ? ended.Json.GetProperty("ExitCode").GetInt32() : null;
        return code == exec.Number % 256 ? null : $"exec {exec.Number}: exit code {code}, not {exec.Number % 256}: {ended}";
    }

    private static async Task<string> ReadHeadAsync(Socket socket)
    {
        StringBuilder head = new();
        byte[] one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && await socket.ReceiveAsync(one) == 1)
        {
            head.Append((char)one[0]);
        }
        return head.ToString();
    }

    private static async Task<byte[]> ReadToEndAsync(Socket socket)
    {
        using MemoryStream all = new();
        byte[] buffer = new byte[32_768];
        for (int count; (count = await socket.ReceiveAsync(buffer)) > 0;)
        {
            all.Write(buffer, 0, count);
        }
        return all.ToArray();
    }

    /// <summary>The bytes in frames of stdout; a frame of another stream, or one cut short, makes them differ.</summary>
    private static byte[] Stdout(byte[] frames)
    {
        using MemoryStream bytes = new();
        for (int at = 0; at + 8 <= frames.Length;)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(frames.AsSpan(at + 4));
            bytes.Write(frames, at + 8, frames[at] == 1 ? Math.Min(length, frames.Length - at - 8) : 0);
            at += 8 + length;
        }
        return bytes.ToArray();
    }

    private sealed record Running(int Number, string Id, Socket Socket);
}
