using Xunit;

namespace Caisson.Cli.Tests.Commands;

/// <summary>What health, log, secret and commit options send.</summary>
public sealed class LifecycleCommandTests
{
    [Theory]
    [InlineData("\"Healthcheck\":{\"Test\":[\"HTTP\",\"http://:8080/healthz\"],\"Interval\":5000000000,\"Retries\":2}",
        "create", "--health-http", "http://:8080/healthz", "--health-interval", "5s", "--health-retries", "2", "busybox")]
    [InlineData("\"Healthcheck\":{\"Test\":[\"TCP\",\"5432\"]}", "create", "--health-tcp", "5432", "busybox")]
    [InlineData("\"RestartUnhealthy\":true", "create", "--restart-unhealthy", "--health-cmd", "true", "busybox")]
    [InlineData(
        "\"Secrets\":[{\"Source\":\"a\"},{\"Source\":\"b\",\"Target\":\"t\",\"UID\":\"1\",\"GID\":\"2\",\"Mode\":256}],\"Configs\":[{\"Source\":\"c\",\"Target\":\"/etc/c\"}]",
        "create", "--secret", "a", "--secret", "source=b,target=t,uid=1,gid=2,mode=0400", "--config", "c,target=/etc/c", "busybox")]
    [InlineData("DELETE /caisson/containers/web/logs ", "logs", "--clear", "web")]
    [InlineData(
        "POST /commit?container=web&repo=shop&tag=2&author=me&comment=why&pause=0&changes=CMD%20true&changes=ENV%20a%3Db ",
        "commit", "-a", "me", "-m", "why", "-c", "CMD true", "-c", "ENV a=b", "--pause=false", "web", "shop:2")]
    [InlineData("DELETE /secrets/token ", "secret", "rm", "token")]
    [InlineData("DELETE /configs/site ", "config", "rm", "site")]
    [InlineData("/events?since=seq%3A41", "events", "--since", "seq:41", "--until", "0")]
    public void The_engine_is_sent_what_was_asked_for(string expected, params string[] words)
    {
        using var server = OutputTests.Answering("{\"Id\":\"53b3\",\"ID\":\"53b3\",\"Warnings\":[]}");
        var command = new CommandRunner();

        int exitCode = command.Run(server, words);

        Assert.Equal("", command.Error);
        Assert.Equal(0, exitCode);
        Assert.Contains(server.Requests, request => request.Replace("/v1.43", "", StringComparison.Ordinal).Contains(expected, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("give one of --health-cmd, --health-http and --health-tcp", "create", "--health-tcp", "1", "--health-cmd", "x", "busybox")]
    [InlineData("--no-healthcheck conflicts", "create", "--no-healthcheck", "--health-http", "http://:1", "busybox")]
    [InlineData("--gpus needs a driver", "create", "--gpus", "all", "busybox")]
    [InlineData("--clear stands alone", "logs", "--clear", "-f", "web")]
    [InlineData("it is octal", "create", "--secret", "a,mode=rw", "busybox")]
    [InlineData("unknown key 'traget'", "create", "--secret", "a,traget=b", "busybox")]
    public void What_contradicts_itself_is_refused(string reason, params string[] words)
    {
        var command = new CommandRunner();

        Assert.NotEqual(0, command.Run(words));
        Assert.Contains(reason, command.Error, StringComparison.Ordinal);
    }
}
