using System.Text;

using Caisson.Client.Http;
using Caisson.Errors;

using Xunit;

namespace Caisson.Cli.Tests.Http;

public sealed class HttpHeadParserTests
{
    [Fact]
    public void A_head_is_parsed_with_its_framing()
    {
        const string text = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX-A:  b \r\nConnection: close\r\n\r\n";

        var head = Parse(text + "rest", out int consumed)!;

        Assert.Equal(200, head.Status);
        Assert.Equal(12, head.ContentLength);
        Assert.True(head.Close);
        Assert.Equal("b", head["x-a"]);
        Assert.Null(head["absent"]);
        Assert.Equal(text.Length, consumed);
    }

    [Fact]
    public void A_head_that_is_cut_anywhere_is_not_complete()
    {
        const string head = "HTTP/1.1 204 No Content\r\nA: b\r\n\r\n";

        Assert.All(Enumerable.Range(0, head.Length), length => Assert.Null(Parse(head[..length], out _)));
        Assert.NotNull(Parse(head, out _));
    }

    [Theory]
    [InlineData("HTTP/2 200 OK\r\n\r\n")]
    [InlineData("HTTP/1.1 99 Low\r\n\r\n")]
    [InlineData("HTTP/1.1 600 High\r\n\r\n")]
    [InlineData("HTTP/1.1 2x0 OK\r\n\r\n")]
    [InlineData("SSH-2.0-OpenSSH\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\n folded: x\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nName : x\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\n: x\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nA: \0\r\n\r\n")]
    public void What_two_readers_could_understand_differently_is_refused(string head)
    {
        var problem = Assert.Throws<CaissonException>(() => Parse(head, out _));

        Assert.Equal(ErrorKind.Unavailable, problem.Kind);
    }

    [Fact]
    public void A_head_without_end_is_refused_before_it_fills_the_memory()
    {
        Assert.Throws<CaissonException>(() => Parse("HTTP/1.1 200 OK\r\nA: " + new string('x', HttpHeadParser.HeadBytesMax), out _));
    }

    [Fact]
    public void More_than_a_hundred_fields_are_refused()
    {
        string fields = string.Concat(Enumerable.Repeat("A: b\r\n", 101));

        Assert.Throws<CaissonException>(() => Parse($"HTTP/1.1 200 OK\r\n{fields}\r\n", out _));
    }

    [Fact]
    public void Random_bytes_are_refused_or_wait_for_more()
    {
        var random = new Random(20260101);
        byte[] bytes = new byte[256];
        for (int i = 0; i < 20_000; i++)
        {
            random.NextBytes(bytes);
            "HTTP/1.1 200 "u8.CopyTo(bytes);
            "\r\n\r\n"u8.CopyTo(bytes.AsSpan(random.Next(13, 250)));

            var outcome = Record.Exception(() => HttpHeadParser.TryParse(bytes, out _));

            Assert.True(outcome is null or CaissonException, outcome?.ToString());
        }
    }

    private static HttpResponseHead? Parse(string text, out int consumed) =>
        HttpHeadParser.TryParse(Encoding.Latin1.GetBytes(text), out consumed);
}
