using Xunit;

namespace Caisson.Cli.Tests.Commands;

/// <summary>CVE-2021-25743: names that were chosen inside containers say nothing to the terminal of who looks.</summary>
public sealed class TerminalSequenceTests
{
    private const string Hostile = "a\\u001b]0;owned\\u0007\\u001b[2Jb\\u009b1mc\\rd\\u007f";
    private const string Shown = "a\\x1b]0;owned\\x07\\x1b[2Jb\\x9b1mc\\x0dd\\x7f";

    [Theory]
    [InlineData("{\"Titles\":[\"PID\",\"CMD\"],\"Processes\":[[\"10292\",\"@\"]]}", "top", "web")]
    [InlineData("[{\"Path\":\"/@\",\"Kind\":1}]", "diff", "web")]
    [InlineData("[{\"Id\":\"sha256:4f7671116f0c8876\",\"Created\":1767268800,\"CreatedBy\":\"@\",\"Size\":1,\"Comment\":\"\"}]", "history", "--no-trunc", "x")]
    [InlineData("[{\"Id\":\"9d5e\",\"Name\":\"@\",\"Driver\":\"bridge\",\"Scope\":\"local\"}]", "network", "ls")]
    [InlineData("{\"Volumes\":[{\"Name\":\"@\",\"Driver\":\"local\",\"Scope\":\"local\"}],\"Warnings\":null}", "volume", "ls")]
    public void What_a_terminal_would_obey_is_shown_in_lists(string answer, params string[] words)
    {
        using var server = OutputTests.Answering(answer.Replace("@", Hostile, StringComparison.Ordinal));
        var command = new CommandRunner();

        int exitCode = command.Run(server, words);

        Assert.Equal((0, ""), (exitCode, command.Error));
        Assert.Contains(Shown, command.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(command.Output, c => char.IsControl(c) && c != '\n');
    }

    [Fact]
    public void What_a_terminal_would_obey_is_shown_in_errors()
    {
        using var server = new ScriptedServer(connection =>
        {
            string request = connection.Receive();
            if (request.StartsWith("HEAD /_ping", StringComparison.Ordinal))
            {
                connection.Send("HTTP/1.1 200 OK\r\nApi-Version: 1.43\r\nContent-Length: 0\r\n\r\n");
                connection.Receive();
            }
            string body = "{\"message\":\"no such file: @\"}".Replace("@", Hostile, StringComparison.Ordinal);
            connection.Send($"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}");
        });
        var command = new CommandRunner();

        int exitCode = command.Run(server, "diff", "web");

        Assert.NotEqual(0, exitCode);
        Assert.Contains(Shown, command.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(command.Error, c => char.IsControl(c) && c != '\n');
    }
}
