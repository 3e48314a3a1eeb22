using Caisson.Linux;
using Caisson.Networks.Names;
using Xunit;

namespace Caisson.Networks.Tests.Names;

public sealed class DnsMessageTests
{
    [Fact]
    public void A_question_comes_back_as_it_went()
    {
        Assert.Equal(DnsStatus.Done, DnsMessage.TryReadRequest(DnsWriter.Question(513, "Web.Example", DnsType.Aaaa), out var request));

        Assert.Equal((513, "web.example", DnsType.Aaaa, true, 512), (request!.Id, request.Name, request.Type, request.RecursionDesired, request.UdpBytesMax));
    }

    [Fact]
    public void An_answer_that_does_not_fit_asks_for_TCP()
    {
        DnsMessage.TryReadRequest(DnsWriter.Question(1, "many", DnsType.A), out var request);
        var records = Enumerable.Repeat((DnsType.A, new byte[4]), 100).ToList();

        byte[] small = DnsWriter.Answer(request!, DnsStatus.Done, records, 1, 512);
        byte[] large = DnsWriter.Answer(request!, DnsStatus.Done, records, 1, 65535);

        Assert.True(small.Length <= 512);
        Assert.NotEqual(0, DnsMessage.Flags(small) & DnsMessage.FlagTruncated);
        Assert.True(DnsMessage.TryReadAnswer(large, out _, out var answers));
        Assert.Equal(100, answers.Count);
        Assert.All(answers, answer => Assert.Equal("many", answer.Name));
    }

    [Theory]
    [InlineData("C00C")] // to itself
    [InlineData("C00E")] // forward
    [InlineData("01610161C00C")] // to its own beginning
    [InlineData("C0")] // cut
    [InlineData("3F6161")] // longer than there is
    [InlineData("80")] // a length that is none
    public void Names_that_go_round_or_out_are_refused(string name)
    {
        byte[] message = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, .. Convert.FromHexString(name), 0, 1, 0, 1];

        Assert.NotEqual(DnsStatus.Done, DnsMessage.TryReadRequest(message, out _));
    }

    [Fact]
    public void A_name_longer_than_255_bytes_is_refused()
    {
        string name = string.Join('.', Enumerable.Repeat(new string('a', 49), 6));

        Assert.Equal(DnsStatus.FormatError, DnsMessage.TryReadRequest(DnsWriter.Question(1, name, DnsType.A), out _));
    }

    [Fact]
    public void No_bytes_do_harm()
    {
        var random = new Random(4);
        byte[] good = DnsWriter.Question(7, "web.example.com", DnsType.A);
        for (int i = 0; i < 100_000; i++)
        {
            byte[] bytes = i % 2 == 0 ? [.. good, .. new byte[random.Next(40)]] : new byte[random.Next(80)];
            if (i % 2 == 0)
            {
                for (int change = random.Next(1, 5); change > 0; change--)
                {
                    bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                }
            }
            else
            {
                random.NextBytes(bytes);
            }
            DnsMessage.TryReadRequest(bytes, out _);
            DnsMessage.TryReadAnswer(bytes, out _, out _);
            DnsMessage.IsAnswerTo(bytes, 7, good.AsSpan(12));
        }
    }

    [Theory]
    [InlineData("9.0.77.10.in-addr.arpa", "10.77.0.9")]
    [InlineData("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "2001:db8::1")]
    [InlineData("0.77.10.in-addr.arpa", null)]
    [InlineData("1.ip6.arpa", null)]
    public void The_name_of_an_address_is_read_backwards(string name, string? address) =>
        Assert.Equal(address, NameTable.ReverseAddress(name)?.ToString());

    [Fact]
    public void Name_servers_are_read_from_resolv_conf()
    {
        var servers = HostNameServers.Parse("# nameserver 1.1.1.1\nsearch a\nnameserver 192.0.2.1\nnameserver\t2001:db8::53\nnameserver fe80::1%eth0\noptions ndots:2\n");

        Assert.Equal([new(InternetAddress.Parse("192.0.2.1"), 53), new InternetEndpoint(InternetAddress.Parse("2001:db8::53"), 53)], servers);
    }
}
