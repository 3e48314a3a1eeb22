using Caisson.Kubernetes.Controllers;

using Xunit;

namespace Caisson.Kubernetes.Tests;

public sealed class CronTests
{
    [Theory]
    [InlineData("*/15 * * * *", "2024-01-31T12:01:00Z", "2024-01-31T12:15:00Z")]
    [InlineData("0 3 * * mon-fri", "2024-02-02T03:00:00Z", "2024-02-05T03:00:00Z")]
    [InlineData("30 4 29 2 *", "2024-03-01T00:00:00Z", "2028-02-29T04:30:00Z")]
    [InlineData("0 0 13 * 5", "2024-09-13T00:00:00Z", "2024-09-20T00:00:00Z")]
    [InlineData("@every 90s", "2024-01-01T00:00:00Z", "2024-01-01T00:01:30Z")]
    public void The_next_time_of_a_schedule_is_found(string text, string after, string next)
    {
        Assert.True(CronSchedule.TryParse(text, out CronSchedule? schedule, out _));

        Assert.Equal(DateTimeOffset.Parse(next, System.Globalization.CultureInfo.InvariantCulture), schedule!.Next(DateTimeOffset.Parse(after, System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Theory]
    [InlineData("61 * * * *", "'61' is no minute, 0 to 59")]
    [InlineData("* * *", "it has five fields: minute, hour, day of the month, month, day of the week")]
    [InlineData("@every x", "after @every stands a time such as 90s, 5m or 1h30m")]
    public void What_is_no_schedule_is_refused(string text, string mistake)
    {
        Assert.False(CronSchedule.TryParse(text, out _, out string? said));

        Assert.Equal(mistake, said);
    }
}
