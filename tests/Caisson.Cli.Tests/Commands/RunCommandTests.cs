using System.Text;

using Xunit;

namespace Caisson.Cli.Tests.Commands;

/// <summary>The whole of <c>run</c> against a server that says what an engine says, in the order an engine says it.</summary>
public sealed class RunCommandTests
{
    private const string Id = "53b34fff08c28cb7023026ea734332ad300830155af69566cedad3c6e5e976c3";
    private const string Created = "{\"Id\":\"" + Id + "\",\"Warnings\":[]}";
    private const string Upgraded = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(137)]
    public void The_containers_exit_code_is_ours_and_its_outputs_stay_apart(int code)
    {
        using var server = Engine(Created, Frames(("out\n", 1), ("err\n", 2)), "HTTP/1.1 204 No Content\r\n\r\n", $"{{\"StatusCode\":{code}}}");
        var command = new CommandRunner();

        int exitCode = command.Run(server, "run", "--rm", "--network", "none", "busybox", "sh", "-c", "true");

        Assert.Equal(code, exitCode);
        Assert.Equal("out\n", command.Output);
        Assert.Equal("err\n", command.Error);
        Assert.Contains("/wait?condition=removed ", Find(server, "/wait"), StringComparison.Ordinal);
        Assert.Contains("\"Cmd\":[\"sh\",\"-c\",\"true\"]", Find(server, "/create"), StringComparison.Ordinal);
        Assert.Contains("\"NetworkMode\":\"none\"", Find(server, "/create"), StringComparison.Ordinal);
        Assert.Contains("\"AutoRemove\":true", Find(server, "/create"), StringComparison.Ordinal);
    }

    [Fact]
    public void The_wait_is_registered_before_the_start()
    {
        using var server = Engine(Created, Frames(), "HTTP/1.1 204 No Content\r\n\r\n", "{\"StatusCode\":0}");

        new CommandRunner().Run(server, "run", "busybox");

        var paths = server.Requests.Select(request => request.Split(' ')[1].Split('?')[0].Split('/')[^1]).ToList();
        Assert.Equal(["_ping", "create", "attach", "wait", "start"], paths);
    }

    [Theory]
    [InlineData("exec: \\\"x\\\": executable file not found in $PATH", 127)]
    [InlineData("exec: \\\"/x\\\": stat /x: no such file or directory", 127)]
    [InlineData("exec: \\\"/etc\\\": permission denied", 126)]
    [InlineData("exec: \\\"/etc\\\": is a directory", 126)]
    [InlineData("cgroup is busy", 125)]
    public void What_cannot_be_started_has_the_exit_code_shells_know(string message, int code)
    {
        string body = $"{{\"message\":\"{message}\"}}";
        string refusal = $"HTTP/1.1 400 Bad Request\r\nContent-Length: {body.Length}\r\n\r\n{body}";
        using var server = Engine(Created, Frames(), refusal, "{\"StatusCode\":127}");
        var command = new CommandRunner();

        Assert.Equal(code, command.Run(server, "run", "--rm", "busybox", "x"));
        Assert.StartsWith("caisson: exec: ".Replace("exec: ", message[..4], StringComparison.Ordinal), command.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Detached_it_prints_the_id()
    {
        using var server = Engine(Created, Frames(), "HTTP/1.1 204 No Content\r\n\r\n", "");
        var command = new CommandRunner();

        Assert.Equal(0, command.Run(server, "run", "-d", "--profile", "restricted", "busybox"));
        Assert.Equal(Id + "\n", command.Output);
        Assert.Contains("\"SecurityOpt\":[\"profile=restricted\"]", Find(server, "/create"), StringComparison.Ordinal);
    }

    [Fact]
    public void An_image_that_is_nowhere_is_said_with_what_to_do()
    {
        const string missing = "{\"message\":\"No such image: nosuch:latest\"}";
        using var server = new ScriptedServer(connection =>
        {
            connection.Receive();
            connection.Send("HTTP/1.1 200 OK\r\nApi-Version: 1.43\r\nContent-Length: 0\r\n\r\n");
            connection.Receive();
            connection.Json(missing, "404 Not Found");
            connection.Receive();
            connection.Json("{\"message\":\"no registries here\"}", "501 Not Implemented");
        });
        var command = new CommandRunner();

        Assert.Equal(125, command.Run(server, "run", "nosuch"));
        Assert.Equal(
            "Unable to find image 'nosuch:latest' locally\ncaisson: No such image: nosuch:latest\n\n"
            + "Run 'caisson images' to see what there is, or 'caisson image bootstrap busybox' to make an image from this host\n",
            command.Error);
    }

    [Theory]
    [InlineData(125, "run", "--bogus", "busybox")]
    [InlineData(125, "run", "-m", "many", "busybox")]
    [InlineData(125, "run", "--rm", "--restart", "always", "busybox")]
    [InlineData(125, "run", "-d", "-a", "stdout", "busybox")]
    [InlineData(125, "run", "-v", "relative:also-relative", "busybox")]
    [InlineData(125, "run", "--pull", "sometimes", "busybox")]
    [InlineData(125, "ps", "--bogus")]
    [InlineData(125, "exec", "--bogus", "c", "true")]
    [InlineData(1, "run")]
    [InlineData(1, "ps", "extra")]
    [InlineData(1, "rename", "one")]
    [InlineData(1, "pss")]
    [InlineData(1, "image", "xx")]
    [InlineData(1, "run", "-it", "busybox")]
    [InlineData(1, "ps")]
    [InlineData(125, "run", "busybox")]
    [InlineData(1, "cp", "a", "b")]
    [InlineData(1, "cp", "a:/x", "b:/y")]
    [InlineData(3, "engine", "status")]
    [InlineData(0, "--version")]
    [InlineData(0, "help")]
    public void Exit_codes_without_an_engine(int code, params string[] words)
    {
        var command = new CommandRunner();

        Assert.Equal(code, command.Run(server: null, words));
        Assert.True(code is 0 or 3 || command.Error.StartsWith("caisson: ", StringComparison.Ordinal), command.Error);
    }

    [Fact]
    public void Standard_input_is_sent_and_ended()
    {
        using var server = new ScriptedServer(
            connection =>
            {
                connection.Receive();
                connection.Send("HTTP/1.1 200 OK\r\nApi-Version: 1.43\r\nContent-Length: 0\r\n\r\n");
                connection.Receive();
                connection.Json(Created, "201 Created");
                // attach: the connection becomes a stream
                connection.Receive();
                connection.Send(Upgraded);
                string typed = connection.ReceiveToEnd();
                connection.Send(Frames((typed.ToUpperInvariant(), 1)));
            },
            connection =>
            {
                connection.Receive();
                connection.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                connection.Send("10\r\n{\"StatusCode\":0}\r\n0\r\n\r\n");
            },
            connection =>
            {
                connection.Receive();
                connection.Send("HTTP/1.1 204 No Content\r\n\r\n");
            });
        var command = new CommandRunner { Input = "typed text"u8.ToArray() };

        Assert.Equal(0, command.Run(server, "run", "-i", "busybox", "cat"));
        Assert.Equal("TYPED TEXT", command.Output);
    }

    private static string Find(ScriptedServer server, string part) =>
        server.Requests.Single(request => request.Split("\r\n")[0].Contains(part, StringComparison.Ordinal));

    private static byte[] Frames(params (string Text, byte Stream)[] frames) =>
        [.. frames.SelectMany(frame => (byte[])[frame.Stream, 0, 0, 0, 0, 0, 0, (byte)frame.Text.Length, .. Encoding.UTF8.GetBytes(frame.Text)])];

    /// <summary>First connection: ping, create, attach. Second: wait. Third: start. Detached, the first one takes the start.</summary>
    private static ScriptedServer Engine(string created, byte[] output, string started, string waited)
    {
        var running = new ManualResetEventSlim();
        return new ScriptedServer(
            connection =>
            {
                connection.Receive();
                connection.Send("HTTP/1.1 200 OK\r\nApi-Version: 1.43\r\nContent-Length: 0\r\n\r\n");
                connection.Receive();
                connection.Json(created, "201 Created");
                if (connection.Receive().Contains("/start", StringComparison.Ordinal))
                {
                    connection.Send(started);
                    return;
                }
                connection.Send(Upgraded);
                running.Wait();
                connection.Send(output);
            },
            connection =>
            {
                connection.Receive();
                connection.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                running.Wait();
                connection.Send($"{waited.Length:x}\r\n{waited}\r\n0\r\n\r\n");
            },
            connection =>
            {
                connection.Receive();
                running.Set();
                connection.Send(started);
            });
    }
}
