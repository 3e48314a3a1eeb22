using System.Text;

using Caisson.Api.Grpc;
using Caisson.Errors;

using Xunit;

namespace Caisson.Api.Tests;

public sealed class GrpcTests
{
    private const byte Headers = 1, Data = 0, EndHeaders = 4;
    private static readonly byte[] Preface = Encoding.ASCII.GetBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

    [Theory]
    [InlineData("100m", 100)]
    [InlineData("3S", 3_000)]
    [InlineData("2M", 120_000)]
    [InlineData("5000000n", 5)]
    public void A_deadline_is_read(string text, int milliseconds)
    {
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), GrpcApi.DeadlineOf(text));
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("99999999H")]
    public void No_deadline_and_one_of_years_are_the_same(string? text)
    {
        Assert.Null(GrpcApi.DeadlineOf(text));
    }

    [Theory]
    [InlineData("5")]
    [InlineData("S")]
    [InlineData("-1S")]
    [InlineData("123456789S")]
    public void A_deadline_that_is_none_is_refused(string text)
    {
        Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<CaissonException>(() => GrpcApi.DeadlineOf(text)).Kind);
    }

    [Fact]
    public void A_message_goes_as_printable_ascii()
    {
        Assert.Equal("50%25 of k%C3%B6rper%0A", GrpcApi.Escape("50% of körper\n"));
    }

    [Fact]
    public void An_authority_that_is_a_path_becomes_a_name_of_the_same_length()
    {
        // A request of Go's library: an indexed method, then the authority as a new entry of the table, then a header that stays.
        byte[] block = [0x83, 0x41, 9, .. Encoding.ASCII.GetBytes("/run/x.sk"), 0x40, 1, (byte)'k', 1, (byte)'v'];

        byte[] on = new AuthorityPatch().Take([.. Preface, .. Frame(Headers, EndHeaders, block)]);

        byte[] expected = [0x83, 0x41, 9, .. Encoding.ASCII.GetBytes("aaaaaaaaa"), 0x40, 1, (byte)'k', 1, (byte)'v'];
        Assert.Equal([.. Preface, .. Frame(Headers, EndHeaders, expected)], on);
    }

    [Fact]
    public void An_authority_in_huffmans_code_keeps_its_number_of_letters()
    {
        // "www.example.com" of RFC 7541, Appendix C.4.1: 15 letters in 12 bytes.
        byte[] coded = Convert.FromHexString("f1e3c2e5f23a6ba0ab90f4ff");

        byte[] on = new AuthorityPatch().Take([.. Preface, .. Frame(Headers, EndHeaders, [0x41, 0x8c, .. coded])]);

        Assert.Equal([.. Preface, .. Frame(Headers, EndHeaders, [0x41, 15, .. Encoding.ASCII.GetBytes(new string('a', 15))])], on);
    }

    [Fact]
    public void What_comes_in_single_bytes_goes_on_the_same_as_what_comes_at_once()
    {
        byte[] all = [.. Preface, .. Frame(4, 0, []), .. Frame(Headers, EndHeaders, [0x82, 0x41, 2, (byte)'/', (byte)'x']), .. Frame(Data, 1, [1, 2, 3]), .. Frame(Headers, EndHeaders, [0xbe])];
        var patch = new AuthorityPatch();

        byte[] single = [.. all.SelectMany(one => patch.Take([one]))];

        Assert.Equal(new AuthorityPatch().Take(all), single);
        Assert.Equal(all.Length, single.Length);
    }

    [Theory]
    [InlineData("41")]
    [InlineData("41ff")]
    [InlineData("417f")]
    [InlineData("ffffffffff")]
    [InlineData("410561")]
    public void A_block_that_is_malformed_goes_on_as_it_is(string block)
    {
        byte[] all = [.. Preface, .. Frame(Headers, EndHeaders, Convert.FromHexString(block))];

        Assert.Equal(all, new AuthorityPatch().Take(all));
    }

    [Fact]
    public void Nothing_that_a_hostile_client_sends_stops_it()
    {
        var random = new Random(1);
        for (int round = 0; round < 2_000; round++)
        {
            byte[] noise = new byte[random.Next(200)];
            random.NextBytes(noise);

            byte[] on = new AuthorityPatch().Take([.. Preface, .. Frame(Headers, (byte)(EndHeaders | (random.Next(2) * 8) | (random.Next(2) * 32)), noise), .. noise]);

            Assert.True(on.Length >= Preface.Length);
        }
    }

    private static byte[] Frame(byte kind, byte flags, byte[] payload) => [0, (byte)(payload.Length >> 8), (byte)payload.Length, kind, flags, 0, 0, 0, 1, .. payload];
}
