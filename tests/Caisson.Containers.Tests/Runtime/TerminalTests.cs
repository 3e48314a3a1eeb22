using Caisson.Linux;
using Xunit;

namespace Caisson.Containers.Tests.Runtime;

public sealed class TerminalTests
{
    [Fact]
    public void The_terminal_arrives_at_the_console_socket()
    {
        using var bundle = new Bundle();
        bundle.Config["process"]!["terminal"] = true;
        bundle.Shell("tty; cat /dev/null; echo done");
        string id = bundle.NewId();
        using var listener = UnixSocket.Listen(bundle.PathOf("console"), UnixSocketKind.Stream);

        Assert.Equal(0, bundle.Create(id, "--console-socket", bundle.PathOf("console")).Code);
        using var connection = listener.Accept();
        List<Descriptor> received = [];
        connection.Receive(new byte[256], received);
        Assert.Equal(0, bundle.Run("start", id).Code);

        Assert.Equal("/dev/pts/0\r\ndone\r\n", ReadAll(Assert.Single(received)));
    }

    [Fact]
    public void A_terminal_without_a_taker_is_refused()
    {
        using var bundle = new Bundle();
        bundle.Config["process"]!["terminal"] = true;

        var outcome = bundle.Create(bundle.NewId());

        Assert.Contains("console socket", outcome.Errors, StringComparison.Ordinal);
    }

    private static string ReadAll(Descriptor terminal)
    {
        using (terminal)
        {
            var text = new System.Text.StringBuilder();
            byte[] buffer = new byte[4096];
            try
            {
                while (terminal.Read(buffer) is > 0 and var count)
                {
                    text.Append(System.Text.Encoding.UTF8.GetString(buffer, 0, count));
                }
            }
            catch (LinuxException e) when (e.Errno == Errno.EIO)
            {
                // The last process that had it open has ended.
            }
            return text.ToString();
        }
    }
}
