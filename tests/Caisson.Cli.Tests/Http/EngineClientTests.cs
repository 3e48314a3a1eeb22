using System.Text;

using Caisson.Client;
using Caisson.Client.Containers;
using Caisson.Client.Streams;
using Caisson.Errors;

using Xunit;

namespace Caisson.Cli.Tests.Http;

public sealed class EngineClientTests
{
    private const string Ping = "HTTP/1.1 200 OK\r\nApi-Version: 1.43\r\nContent-Length: 2\r\n\r\n";

    [Fact]
    public void The_older_of_both_versions_is_spoken_and_the_connection_kept()
    {
        using var server = new ScriptedServer(connection =>
        {
            connection.Receive();
            connection.Send(Ping);
            connection.Receive();
            connection.Json("[]");
            connection.Receive();
            connection.Json("[]");
        });
        using var engine = Connect(server);

        engine.ListContainers(all: true);
        engine.ListContainers();

        Assert.StartsWith("HEAD /_ping HTTP/1.1\r\n", server.Requests[0], StringComparison.Ordinal);
        Assert.StartsWith("GET /v1.43/containers/json?all=1 HTTP/1.1\r\n", server.Requests[1], StringComparison.Ordinal);
        Assert.StartsWith("GET /v1.43/containers/json HTTP/1.1\r\n", server.Requests[2], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("9.99", "1.51")]
    [InlineData("1.24", "1.24")]
    [InlineData("nonsense", "1.24")]
    public void Versions_are_negotiated_within_what_the_client_speaks(string offered, string spoken)
    {
        using var server = new ScriptedServer(connection =>
        {
            connection.Receive();
            connection.Send($"HTTP/1.1 200 OK\r\nApi-Version: {offered}\r\nContent-Length: 0\r\n\r\n");
        });
        using var engine = Connect(server);

        Assert.Equal(spoken, engine.Version.ToString());
    }

    [Fact]
    public void The_engine_of_this_client_is_asked_at_once_and_again_when_it_is_older()
    {
        using var server = new ScriptedServer(
            connection =>
            {
                connection.Receive();
                connection.Send("HTTP/1.1 400 Bad Request\r\nApi-Version: 1.43\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            },
            connection =>
            {
                connection.Receive();
                connection.Json("{\"ExitCode\":3}");
            });
        using var engine = new EngineClient(new EngineEndpoint(server.SocketPath), _ => Assert.Fail("it listens"));

        Assert.Equal(3, engine.InspectExec("e").ExitCode);

        Assert.StartsWith("GET /v1.51/exec/e/json ", server.Requests[0], StringComparison.Ordinal);
        Assert.StartsWith("GET /v1.43/exec/e/json ", server.Requests[1], StringComparison.Ordinal);
    }

    [Fact]
    public void An_engine_that_is_too_old_is_named_as_such()
    {
        using var server = new ScriptedServer(connection =>
        {
            connection.Receive();
            connection.Send("HTTP/1.1 200 OK\r\nApi-Version: 1.12\r\nContent-Length: 0\r\n\r\n");
        });
        using var engine = Connect(server);

        var problem = Assert.Throws<CaissonException>(() => engine.Version);

        Assert.Contains("speaks API 1.12", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Chunks_may_be_split_at_every_byte_and_carry_extensions_and_trailers()
    {
        using var server = Answering(connection => connection.Dribble(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n \r\n005\r\nworld\r\n0\r\nTrailer: t\r\n\r\n"));
        using var engine = Connect(server);
        using var response = engine.Logs("c", new LogOptions(false, false, "all", "", "", false));

        Assert.Equal("hello world", Encoding.UTF8.GetString(response.ReadAll().Span));
    }

    [Theory]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nzz\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhel")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")]
    [InlineData("Content-Length: 10\r\n\r\nhello")]
    public void A_body_that_is_malformed_or_cut_short_is_an_error_and_never_short_data(string answer)
    {
        using var server = Answering(connection => connection.Send("HTTP/1.1 200 OK\r\n" + answer));
        using var engine = Connect(server);
        using var response = engine.Logs("c", new LogOptions(false, false, "all", "", "", false));

        var problem = Assert.Throws<CaissonException>(() => response.ReadAll());

        Assert.Equal(ErrorKind.Unavailable, problem.Kind);
    }

    [Fact]
    public void A_body_without_length_ends_with_the_connection()
    {
        using var server = Answering(connection => connection.Send("HTTP/1.0 200 OK\r\n\r\nall of it"));
        using var engine = Connect(server);
        using var response = engine.Logs("c", new LogOptions(false, false, "all", "", "", false));

        Assert.Equal("all of it", Encoding.UTF8.GetString(response.ReadAll().Span));
    }

    [Theory]
    [InlineData("404 Not Found", "{\"message\":\"No such container: c\"}", ErrorKind.NotFound, "No such container: c")]
    [InlineData("409 Conflict", "{\"message\":\"in use\"}", ErrorKind.Conflict, "in use")]
    [InlineData("500 Oops", "plain words", ErrorKind.Internal, "the engine answered with status 500: plain words")]
    [InlineData("503 Busy", "{}", ErrorKind.Unavailable, "the engine answered with status 503: {}")]
    public void Refusals_carry_the_engines_own_words(string status, string body, ErrorKind kind, string message)
    {
        using var server = Answering(connection => connection.Json(body, status));
        using var engine = Connect(server);

        var problem = Assert.Throws<EngineException>(() => engine.PauseContainer("c"));

        Assert.Equal(kind, problem.Kind);
        Assert.Equal(message, problem.Message);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("not JSON")]
    [InlineData("{\"State\":{},\"Config\":[],\"HostConfig\":{},\"NetworkSettings\":{}}")]
    public void An_answer_of_another_shape_is_an_error_and_not_a_crash(string answer)
    {
        using var server = Answering(connection => connection.Json(answer));
        using var engine = Connect(server);

        var problem = Assert.Throws<CaissonException>(() => engine.InspectContainer("c"));

        Assert.Equal(ErrorKind.Unavailable, problem.Kind);
    }

    [Fact]
    public void Another_engine_is_named_when_it_is_asked_for_what_only_ours_can_do()
    {
        using var server = new ScriptedServer(connection =>
        {
            connection.Receive();
            connection.Json("{\"message\":\"page not found\"}", "404 Not Found");
        });
        using var engine = Connect(server);

        var problem = Assert.Throws<CaissonException>(() => engine.ExplainContainer("c"));

        Assert.Equal(ErrorKind.Unimplemented, problem.Kind);
    }

    [Fact]
    public void Already_started_is_no_error()
    {
        using var server = Answering(connection => connection.Send("HTTP/1.1 304 Not Modified\r\n\r\n"));
        using var engine = Connect(server);

        engine.StartContainer("c");
    }

    [Fact]
    public void A_hijacked_stream_is_read_to_its_end_after_our_side_is_closed()
    {
        using var server = Answering(connection =>
        {
            connection.Send("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nfirst ");
            connection.Send("echo " + connection.ReceiveToEnd());
        });
        using var engine = Connect(server);
        using var stream = engine.AttachContainer("c", new AttachOptions(true, true, true));

        stream.Write("typed"u8);
        stream.CompleteWriting();
        using var reader = new StreamReader(stream);

        Assert.Equal("first echo typed", reader.ReadToEnd());
        Assert.Contains("POST /v1.43/containers/c/attach?stderr=1&stdin=1&stdout=1&stream=1 HTTP/1.1\r\n", server.Requests[1], StringComparison.Ordinal);
        Assert.Contains("Upgrade: tcp\r\n", server.Requests[1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_wait_is_registered_when_its_head_has_come()
    {
        using var release = new ManualResetEventSlim();
        using var server = Answering(connection =>
        {
            connection.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            release.Wait();
            connection.Send("14\r\n{\"StatusCode\": 137}\n\r\n0\r\n\r\n");
        });
        using var engine = Connect(server);
        using var wait = engine.WaitContainer("c", "next-exit");

        release.Set();

        Assert.Equal(new WaitResult(137, null), wait.Result());
    }

    [Fact]
    public void Informational_answers_are_skipped()
    {
        using var server = Answering(connection =>
        {
            connection.Send("HTTP/1.1 100 Continue\r\n\r\n");
            connection.Json("[]");
        });
        using var engine = Connect(server);

        Assert.Empty(engine.ListContainers());
    }

    [Theory]
    [InlineData("..")]
    [InlineData("")]
    [InlineData(".")]
    public void A_name_cannot_reach_another_resource(string name)
    {
        using var server = Answering(connection => connection.Json("{}"));
        using var engine = Connect(server);

        Assert.Throws<CaissonException>(() => engine.PauseContainer(name));
    }

    [Fact]
    public void Names_are_escaped()
    {
        using var server = Answering(connection => connection.Send("HTTP/1.1 204 No Content\r\n\r\n"));
        using var engine = Connect(server);

        engine.PauseContainer("a/../b?c d");

        Assert.StartsWith("POST /v1.43/containers/a%2F..%2Fb%3Fc%20d/pause HTTP/1.1\r\n", server.Requests[1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_streamed_body_is_sent_in_chunks()
    {
        using var server = Answering(connection => connection.Json("{}"));
        using var engine = Connect(server);

        engine.PutArchive("c", "/tmp", body => body.Write("tar bytes"u8), copyOwners: false);

        Assert.EndsWith("\r\n\r\n00000009\r\ntar bytes\r\n0\r\n\r\n", server.Requests[1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_refusal_in_the_middle_of_an_upload_is_heard()
    {
        using var server = new ScriptedServer(
            connection =>
            {
                connection.Receive();
                connection.Send("HTTP/1.1 200 OK\r\nApi-Version: 1.43\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
            },
            connection => connection.Json("{\"message\":\"no space\"}", "507 Insufficient Storage"));
        using var engine = Connect(server);
        byte[] block = new byte[1 << 20];

        var problem = Assert.Throws<EngineException>(() => engine.PutArchive(
            "c",
            "/",
            body =>
            {
                for (int i = 0; i < 64; i++)
                {
                    body.Write(block);
                }
            },
            copyOwners: false));

        Assert.Equal("no space", problem.Message);
    }

    [Fact]
    public void Nobody_listening_is_said_with_a_remedy()
    {
        using var engine = new EngineClient(new EngineEndpoint("/nonexistent/socket"));

        var problem = Assert.Throws<CaissonException>(() => engine.ListContainers());

        Assert.Equal(ErrorKind.Unavailable, problem.Kind);
        Assert.Contains("unix:///nonexistent/socket", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Values_that_follow_each_other_are_yielded_however_they_are_cut()
    {
        const string text = "{\"a\":1}\n{\"a\":[2,{}]} 3\r\n\"four\"\n";
        using var server = Answering(connection =>
        {
            connection.Send($"HTTP/1.1 200 OK\r\nContent-Length: {text.Length}\r\n\r\n");
            connection.Dribble(text);
        });
        using var engine = Connect(server);
        using var response = engine.Events("", "", new Dictionary<string, List<string>>());

        var values = JsonLines.Read(response.Body).Select(document => document.RootElement.GetRawText()).ToList();

        Assert.Equal(["{\"a\":1}", "{\"a\":[2,{}]}", "3", "\"four\""], values);
    }

    [Theory]
    [InlineData("{\"a\":")]
    [InlineData("{\"a\":1}}")]
    public void A_stream_of_broken_values_is_an_error(string text)
    {
        using var source = new MemoryStream(Encoding.UTF8.GetBytes(text));

        Assert.Throws<CaissonException>(() => JsonLines.Read(source).Count());
    }

    private static EngineClient Connect(ScriptedServer server) => new(new EngineEndpoint(server.SocketPath));

    /// <summary>Answers the ping, then the first request by <paramref name="script"/>.</summary>
    private static ScriptedServer Answering(Action<ScriptedServer.Conversation> script) => new(connection =>
    {
        connection.Receive();
        connection.Send(Ping.Replace("Content-Length: 2", "Content-Length: 0", StringComparison.Ordinal));
        connection.Receive();
        script(connection);
    });
}
