using System.Text;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Full;
using Xunit;

namespace Caisson.Machines.Tests.Full;

/// <summary>What runs in a machine may say anything at its agent's port.</summary>
public sealed class GuestAgentTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("caisson-agent-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task A_program_runs_to_its_end_and_says_what_it_wrote()
    {
        int asked = 0;
        using GuestAgent agent = await OpenAsync(line => line.Contains("guest-exec-status", StringComparison.Ordinal)
            ? ++asked < 3 ? """{"return": {"exited": false}}""" : """{"return": {"exited": true, "exitcode": 3, "out-data": "aGk=", "err-data": "b2g="}}"""
            : """{"return": {"pid": 7}}""");

        GuestProgramEnd end = await agent.RunAsync(["sh", "-c", "x"], null, default, TimeSpan.FromSeconds(10), CancellationToken.None);

        Assert.Equal((3, "hi", "oh", false), (end.Code, Encoding.UTF8.GetString(end.Output), Encoding.UTF8.GetString(end.Errors), end.IsCut));
    }

    [Fact]
    public async Task A_refusal_is_told_without_what_a_terminal_would_obey()
    {
        using GuestAgent agent = await OpenAsync(_ => """{"error": {"class": "GenericError", "desc": "no \u001b[31msuch program"}}""");

        var error = await Assert.ThrowsAsync<CaissonException>(() => agent.RunAsync(["x"], null, default, TimeSpan.FromSeconds(10), CancellationToken.None));

        Assert.Equal("the machine's agent refuses guest-exec: no [31msuch program", error.Message);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("""{"return": 5}""")]
    [InlineData("""{"return": {"pid": "seven"}}""")]
    [InlineData("[]")]
    public async Task Answers_that_are_none_are_errors(string answer)
    {
        using GuestAgent agent = await OpenAsync(_ => answer);

        await Assert.ThrowsAsync<CaissonException>(() => agent.RunAsync(["x"], null, default, TimeSpan.FromSeconds(10), CancellationToken.None));
    }

    [Fact]
    public async Task Nobody_who_answers_is_said_with_the_remedy()
    {
        string path = $"{_directory}/quiet.sock";
        using UnixSocket listener = UnixSocket.Listen(path, UnixSocketKind.Stream);

        var error = await Assert.ThrowsAsync<CaissonException>(() => Task.Run(() => GuestAgent.Open(path, 0, TimeSpan.FromMilliseconds(50))));

        Assert.Equal(ErrorKind.Unavailable, error.Kind);
        Assert.Contains("qemu-guest-agent", error.Message, StringComparison.Ordinal);
    }

    /// <summary>A peer that first sends what an earlier conversation left, then answers line by line.</summary>
    private async Task<GuestAgent> OpenAsync(Func<string, string> answer)
    {
        string path = $"{_directory}/agent.sock";
        UnixSocket listener = UnixSocket.Listen(path, UnixSocketKind.Stream);
        new Thread(() =>
        {
            using (listener)
            using (UnixSocket peer = listener.Accept())
            {
                peer.Send("""{"return": {"left": "over"}}"""u8.ToArray());
                peer.Send("\n{\"error\": {\"desc\": \"old\"}}\n"u8);
                byte[] buffer = new byte[4_096];
                StringBuilder text = new();
                int count;
                while ((count = peer.Receive(buffer)) > 0)
                {
                    text.Append(Encoding.Latin1.GetString(buffer, 0, count));
                    int end;
                    while ((end = text.ToString().IndexOf('\n')) >= 0)
                    {
                        string line = text.ToString(0, end);
                        text.Remove(0, end + 1);
                        int id = line.IndexOf("\"id\":", StringComparison.Ordinal);
                        peer.Send(id >= 0
                            ? [0xff, .. Encoding.UTF8.GetBytes($"{{\"return\": {string.Concat(line[(id + 5)..].TakeWhile(char.IsAsciiDigit))}}}\n")]
                            : Encoding.UTF8.GetBytes(answer(line) + "\n"));
                    }
                }
            }
        })
        { IsBackground = true }.Start();
        return await Task.Run(() => GuestAgent.Open(path, 0, TimeSpan.FromSeconds(10)));
    }
}
