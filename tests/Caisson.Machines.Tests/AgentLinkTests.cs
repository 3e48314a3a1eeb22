using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Agent;
using Xunit;

namespace Caisson.Machines.Tests;

public sealed class AgentLinkTests : IDisposable
{
    private readonly AgentLink _host;
    private readonly UnixSocket _guest;

    public AgentLinkTests()
    {
        (UnixSocket host, _guest) = UnixSocket.CreatePair(UnixSocketKind.Stream);
        _host = new AgentLink(host);
    }

    public void Dispose()
    {
        _host.Dispose();
        _guest.Dispose();
    }

    [Fact]
    public void What_one_end_sends_the_other_takes()
    {
        using var guest = new AgentLink(_guest);
        guest.SendNumbers(AgentFrameKind.Exited, 7, 3, 9);

        Assert.True(_host.Fill());
        Assert.True(_host.TryTake(out AgentFrame frame, out var bytes));

        Assert.Equal(new AgentFrame(AgentFrameKind.Exited, true, 7), frame);
        Assert.Equal((3, 9), (AgentLink.Number(bytes, 0), AgentLink.Number(bytes, 1)));
        Assert.False(_host.TryTake(out _, out _));
    }

    [Fact]
    public void What_is_long_goes_in_parts_of_which_the_last_is_marked()
    {
        byte[] content = [.. Enumerable.Range(0, 200_000).Select(i => (byte)i)];
        using var guest = new AgentLink(_guest);
        _host.Send(AgentFrameKind.Launch, 1, content);
        List<byte> got = [];
        List<bool> last = [];

        while (last is not [.., true])
        {
            _host.Flush();
            guest.Fill();
            while (guest.TryTake(out AgentFrame frame, out var bytes))
            {
                got.AddRange(bytes);
                last.Add(frame.IsLast);
            }
        }

        Assert.Equal(content, got);
        Assert.Equal(4, last.Count);
    }

    [Theory]
    [InlineData(new byte[] { 0, 0, 0, 0, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 200, 0, 0, 0, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 8, 7, 0, 0, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 8, 0, 0, 0, 1, 0, 1, 0 })]
    [InlineData(new byte[] { 8, 0, 0, 0, 255, 255, 255, 255 })]
    public void A_frame_that_is_none_ends_the_conversation(byte[] header)
    {
        _guest.Send(header);
        _host.Fill();

        var error = Assert.Throws<CaissonException>(() => _host.TryTake(out _, out _));

        Assert.Equal(ErrorKind.InvalidArgument, error.Kind);
    }

    [Fact]
    public void A_side_that_does_not_read_is_given_up()
    {
        byte[] content = new byte[1 << 20];

        var error = Assert.Throws<CaissonException>(() =>
        {
            for (int i = 0; i < 100; i++)
            {
                _host.Send(AgentFrameKind.Launch, 1, content);
            }
        });

        Assert.Equal(ErrorKind.ResourceExhausted, error.Kind);
    }

    [Fact]
    public void The_end_of_the_other_side_is_seen()
    {
        _guest.Dispose();

        _host.Fill();

        Assert.True(_host.IsClosed);
    }
}
