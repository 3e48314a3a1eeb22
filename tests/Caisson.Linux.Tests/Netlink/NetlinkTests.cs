using System.Buffers.Binary;
using Caisson.Errors;
using Xunit;

namespace Caisson.Linux.Tests.Netlink;

public sealed class NetlinkTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(65531)]
    public void An_attribute_comes_back_as_it_went(int length)
    {
        var writer = new NetlinkWriter();
        byte[] value = new byte[length];
        Random.Shared.NextBytes(value);
        writer.Begin(16, 5, 1);
        writer.Attribute(7, value);
        writer.Attribute(8, 42u);
        writer.End();

        Assert.Equal((uint)writer.Messages.Length, BinaryPrimitives.ReadUInt32LittleEndian(writer.Messages));
        var reader = new NetlinkReader(writer.Messages[16..]);
        Assert.True(reader.Next());
        Assert.Equal((7, length), (reader.Type, reader.Value.Length));
        Assert.True(reader.Value.SequenceEqual(value));
        Assert.True(reader.Next());
        Assert.Equal((8, 42u), (reader.Type, reader.UInt32));
        Assert.False(reader.Next());
    }

    [Theory]
    [InlineData(65532)]
    [InlineData(65535)]
    [InlineData(65536)]
    [InlineData(131072)]
    public void An_attribute_whose_length_would_wrap_is_refused(int length)
    {
        var writer = new NetlinkWriter();
        writer.Begin(16, 5, 1);

        Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<CaissonException>(() => writer.Attribute(7, new byte[length])).Kind);
    }

    [Fact]
    public void A_nest_whose_length_would_wrap_is_refused()
    {
        var writer = new NetlinkWriter();
        writer.Begin(16, 5, 1);
        writer.BeginNested(18);
        writer.Attribute(1, new byte[40000]);
        writer.Attribute(2, new byte[40000]);

        var e = Assert.Throws<CaissonException>(writer.EndNested);

        Assert.Contains("attribute 18", e.Message);
    }

    [Fact]
    public void Bytes_that_are_no_attributes_end_the_walk()
    {
        var random = new Random(2);
        for (int i = 0; i < 10000; i++)
        {
            byte[] bytes = new byte[random.Next(64)];
            random.NextBytes(bytes);
            var reader = new NetlinkReader(bytes);
            int total = 0;
            while (reader.Next())
            {
                total += reader.Value.Length + 4;
            }
            Assert.True(total <= bytes.Length);
            foreach (var message in new MessageList(bytes))
            {
                Assert.True(message.Content.Length <= bytes.Length - 16);
            }
        }
    }

    [Fact]
    public void Loopback_comes_up_in_a_new_namespace_by_the_socket_and_by_bytes()
    {
        using var network = NewNetwork();
        using var socket = RouteSocket.Open(network);
        var loopback = Assert.Single(socket.ListLinks());
        Assert.Equal(("lo", 1, false), (loopback.Name, loopback.Index, loopback.IsUp));

        socket.SetLinkUp(loopback.Index);
        Assert.True(socket.FindLink("lo")!.IsUp);

        socket.SetLinkUp(loopback.Index, up: false);
        socket.Write(NetlinkMessages.LinkUp(NetlinkMessages.LoopbackIndex));
        byte[] answer = new byte[256];
        Assert.True(socket.Read(answer) >= 36);
        Assert.Equal(0, BinaryPrimitives.ReadInt32LittleEndian(answer.AsSpan(16)));
        Assert.True(socket.FindLink("lo")!.IsUp);
    }

    [Fact]
    public void A_refusal_names_the_subject_and_what_the_kernel_said()
    {
        using var network = NewNetwork();
        using var socket = RouteSocket.Open(network);

        var e = Assert.Throws<LinuxException>(() => socket.SetLinkUp(4242));

        Assert.Equal(Errno.ENODEV, e.Errno);
        Assert.Contains("link 4242 up", e.Message);
    }

    [Fact]
    public void A_socket_lists_again_after_a_refusal()
    {
        using var network = NewNetwork();
        using var socket = RouteSocket.Open(network);
        Assert.Throws<LinuxException>(() => socket.DeleteLink(1));

        Assert.Single(socket.ListLinks());
    }

    private static Namespace NewNetwork()
    {
        Namespace? network = null;
        OwnThread.Run(() =>
        {
            Namespace.UnshareOnThisThread(NamespaceKind.Network);
            network = Namespace.Open("/proc/thread-self/ns/net", NamespaceKind.Network);
        });
        return network!;
    }
}
