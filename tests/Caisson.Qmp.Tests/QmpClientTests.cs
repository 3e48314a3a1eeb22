using System.Text;

using Caisson.Errors;
using Caisson.Linux;
using Xunit;

namespace Caisson.Qmp.Tests;

public sealed class QmpClientTests
{
    [Fact]
    public void The_greeting_says_which_QEMU_it_is()
    {
        using var qemu = new Qemu();

        Assert.Matches(@"^\d+\.\d+\.\d+$", qemu.Client.Greeting.Version);
    }

    [Fact]
    public void A_command_is_answered()
    {
        using var qemu = new Qemu();

        var status = qemu.Client.Execute("query-status", null, Qemu.Limit);

        Assert.Equal("prelaunch", status.GetProperty("status").GetString());
    }

    [Fact]
    public void An_unknown_command_is_refused_with_its_class()
    {
        using var qemu = new Qemu();

        var error = Assert.Throws<QmpException>(() => qemu.Client.Execute("make-coffee", null, Qemu.Limit));

        Assert.Equal(("CommandNotFound", ErrorKind.Unimplemented), (error.ErrorClass, error.Kind));
        Assert.Contains("make-coffee", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void After_a_refusal_the_conversation_goes_on()
    {
        using var qemu = new Qemu();
        Assert.Throws<QmpException>(() => qemu.Client.Execute("device_add", writer => writer.WriteString("driver", "nosuch"), Qemu.Limit));

        Assert.True(qemu.Client.Knows("blockdev-add", Qemu.Limit));
        Assert.False(qemu.Client.Knows("make-coffee", Qemu.Limit));
    }

    [Fact]
    public void The_end_is_an_event_and_then_an_error()
    {
        using var qemu = new Qemu();
        qemu.Client.Execute("quit", null, Qemu.Limit);

        var told = qemu.Client.WaitEvent("SHUTDOWN", Qemu.Limit);
        qemu.Process.WaitForExit();
        var error = Assert.Throws<CaissonException>(() => qemu.Client.Execute("query-status", null, Qemu.Limit));

        Assert.Equal("host-qmp-quit", told?.Text("reason"));
        Assert.Equal(ErrorKind.Unavailable, error.Kind);
    }

    [Fact]
    public void A_QEMU_that_was_killed_is_reported_as_gone()
    {
        using var qemu = new Qemu();
        qemu.Process.Kill();
        qemu.Process.WaitForExit();

        var error = Assert.Throws<CaissonException>(() => qemu.Client.Execute("query-status", null, Qemu.Limit));

        Assert.Contains("qemu ended", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Descriptors_go_along_with_commands()
    {
        using var qemu = new Qemu();
        using var file = Memfd.Create("disk");

        qemu.Client.GiveDescriptor("name", file, Qemu.Limit);
        int set = qemu.Client.AddToSet(file, Qemu.Limit);

        Assert.True(set >= 0);
        qemu.Client.Execute("closefd", writer => writer.WriteString("fdname", "name"), Qemu.Limit);
    }

    [Fact]
    public void The_schema_tells_what_can_be_asked()
    {
        using var qemu = new Qemu();

        QmpSchema schema = qemu.Client.ReadSchema(Qemu.Limit);

        Assert.True(schema.Has("migrate"));
        Assert.True(schema.Has("SHUTDOWN"));
        Assert.False(schema.Has("make-coffee"));
        Assert.True(schema.Takes("migrate-set-capabilities", "capabilities", "capability", "xbzrle"));
        Assert.False(schema.Takes("migrate-set-capabilities", "capabilities", "capability", "make-coffee"));
        Assert.True(schema.Takes("blockdev-add", "detect-zeroes"));
    }

    [Theory]
    [InlineData("no json at all\n")]
    [InlineData("[1, 2]\n")]
    [InlineData("{\"event\": 7}\n")]
    [InlineData("{\"return\": {}}\n")]
    public void What_is_no_message_ends_the_conversation(string line)
    {
        var (ours, theirs) = UnixSocket.CreatePair(UnixSocketKind.Stream);
        using (theirs)
        {
            theirs.Send(Encoding.UTF8.GetBytes(line));

            var error = Assert.Throws<CaissonException>(() => QmpClient.Open(ours, TimeSpan.FromSeconds(30)));

            Assert.Equal(ErrorKind.Internal, error.Kind);
        }
    }

    [Fact]
    public void Silence_is_reported_with_what_was_waited_for()
    {
        var (ours, theirs) = UnixSocket.CreatePair(UnixSocketKind.Stream);
        using (theirs)
        {
            var error = Assert.Throws<CaissonException>(() => QmpClient.Open(ours, TimeSpan.FromMilliseconds(20)));

            Assert.Equal(ErrorKind.Unavailable, error.Kind);
            Assert.Contains("its greeting", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_message_is_put_together_from_pieces()
    {
        var (ours, theirs) = UnixSocket.CreatePair(UnixSocketKind.Stream);
        using (theirs)
        {
            byte[] text = Encoding.UTF8.GetBytes(
                "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 9, \"minor\": 1, \"micro\": 2}, \"package\": \"x\"}, \"capabilities\": [\"oob\"]}}\r\n{\"return\": {}, \"id\": 1}\r\n");
            var sending = new Thread(() =>
            {
                foreach (byte one in text)
                {
                    theirs.Send([one]);
                }
            });
            sending.Start();

            using QmpClient client = QmpClient.Open(ours, TimeSpan.FromSeconds(30));

            Assert.Equal("9.1.2", client.Greeting.Version);
            Assert.Equal(["oob"], client.Greeting.Capabilities);
            sending.Join();
        }
    }
}
