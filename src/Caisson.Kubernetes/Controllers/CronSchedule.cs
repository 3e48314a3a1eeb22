using System.Globalization;

namespace Caisson.Kubernetes.Controllers;

/// <summary>Times at which a cron job begins: five fields, minute to day of the week. Source: crontab(5); Kubernetes, "CronJob".</summary>
public sealed class CronSchedule
{
    private static readonly string[] Months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    private static readonly string[] Days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

    private readonly ulong _minutes;
    private readonly ulong _hours;
    private readonly ulong _monthDays;
    private readonly ulong _months;
    private readonly ulong _weekDays;
    private readonly TimeSpan _every;

    private CronSchedule(ulong[] fields) => (_minutes, _hours, _monthDays, _months, _weekDays) = (fields[0], fields[1], fields[2], fields[3], fields[4]);

    private CronSchedule(TimeSpan every) => _every = every;

    /// <summary>Reads a schedule.</summary>
    /// <param name="text">Five fields, or <c>@hourly</c>, <c>@every 5m</c> and the like.</param>
    /// <param name="schedule">What was read.</param>
    /// <param name="mistake">What is wrong with it.</param>
    public static bool TryParse(string text, out CronSchedule? schedule, out string? mistake)
    {
        schedule = null;
        mistake = null;
        string expanded = text.Trim() switch
        {
            "@yearly" or "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" or "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            var other => other,
        };
        if (expanded.StartsWith("@every ", StringComparison.Ordinal))
        {
            if (!TryReadSpan(expanded[7..].Trim(), out TimeSpan every) || every < TimeSpan.FromSeconds(1))
            {
                mistake = "after @every stands a time such as 90s, 5m or 1h30m";
                return false;
            }
            schedule = new(every);
            return true;
        }
        string[] words = expanded.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length != 5)
        {
            mistake = "it has five fields: minute, hour, day of the month, month, day of the week";
            return false;
        }
        ulong[] fields = new ulong[5];
        (int Low, int High, string[] Names, string Word)[] ranges =
            [(0, 59, [], "minute"), (0, 23, [], "hour"), (1, 31, [], "day of the month"), (1, 12, Months, "month"), (0, 7, Days, "day of the week")];
        for (int i = 0; i < 5; i++)
        {
            if (!TryReadField(words[i], ranges[i].Low, ranges[i].High, ranges[i].Names, out fields[i]))
            {
                mistake = $"'{words[i]}' is no {ranges[i].Word}, {ranges[i].Low} to {ranges[i].High}";
                return false;
            }
        }
        fields[4] |= (fields[4] >> 7) & 1; // 7 is Sunday, too
        schedule = new(fields);
        return true;
    }

    /// <summary>The first time after <paramref name="after"/>; null when there is none within five years.</summary>
    public DateTimeOffset? Next(DateTimeOffset after)
    {
        if (_every > TimeSpan.Zero)
        {
            return after + _every;
        }
        DateTimeOffset at = new DateTimeOffset(after.Year, after.Month, after.Day, after.Hour, after.Minute, 0, after.Offset).AddMinutes(1);
        DateTimeOffset end = after.AddYears(5);
        while (at < end)
        {
            if (!Has(_months, at.Month))
            {
                at = new DateTimeOffset(at.Year, at.Month, 1, 0, 0, 0, at.Offset).AddMonths(1);
            }
            else if (!IsDay(at))
            {
                at = new DateTimeOffset(at.Year, at.Month, at.Day, 0, 0, 0, at.Offset).AddDays(1);
            }
            else if (!Has(_hours, at.Hour))
            {
                at = new DateTimeOffset(at.Year, at.Month, at.Day, at.Hour, 0, 0, at.Offset).AddHours(1);
            }
            else if (!Has(_minutes, at.Minute))
            {
                at = at.AddMinutes(1);
            }
            else
            {
                return at;
            }
        }
        return null;
    }

    /// <summary>When both days are given, either will do.</summary>
    private bool IsDay(DateTimeOffset at)
    {
        bool anyMonthDay = (_monthDays & Star) != 0;
        bool anyWeekDay = (_weekDays & Star) != 0;
        bool monthDay = Has(_monthDays, at.Day);
        bool weekDay = Has(_weekDays, (int)at.DayOfWeek);
        return anyMonthDay || anyWeekDay ? monthDay && weekDay : monthDay || weekDay;
    }

    private const ulong Star = 1UL << 63;

    private static bool Has(ulong set, int number) => (set >> number & 1) != 0;

    private static bool TryReadField(string text, int low, int high, string[] names, out ulong set)
    {
        set = 0;
        foreach (string part in text.Split(','))
        {
            string[] steps = part.Split('/');
            int step = 1;
            if (steps.Length > 2 || (steps.Length == 2 && (!int.TryParse(steps[1], NumberStyles.None, CultureInfo.InvariantCulture, out step) || step == 0)))
            {
                return false;
            }
            int from = low;
            int to = high;
            if (steps[0] is "*" or "?")
            {
                set |= steps.Length == 1 ? Star : 0;
            }
            else
            {
                string[] ends = steps[0].Split('-');
                if (ends.Length > 2 || !TryReadNumber(ends[0], low, names, out from) || !TryReadNumber(ends[^1], low, names, out to))
                {
                    return false;
                }
                to = ends.Length == 1 && steps.Length == 2 ? high : to;
            }
            if (from < low || to > high || from > to)
            {
                return false;
            }
            for (int number = from; number <= to; number += step)
            {
                set |= 1UL << number;
            }
        }
        return true;
    }

    private static bool TryReadNumber(string text, int low, string[] names, out int number)
    {
        int index = Array.FindIndex(names, name => name.Equals(text, StringComparison.OrdinalIgnoreCase));
        number = index + low;
        return index >= 0 || int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    private static bool TryReadSpan(string text, out TimeSpan span)
    {
        span = TimeSpan.Zero;
        int at = 0;
        while (at < text.Length)
        {
            int start = at;
            while (at < text.Length && char.IsAsciiDigit(text[at]))
            {
                at++;
            }
            if (start == at || at == text.Length || !int.TryParse(text.AsSpan(start, at - start), NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            {
                return false;
            }
            switch (text[at++])
            {
                case 'h':
                    span += TimeSpan.FromHours(number);
                    break;
                case 'm':
                    span += TimeSpan.FromMinutes(number);
                    break;
                case 's':
                    span += TimeSpan.FromSeconds(number);
                    break;
                default:
                    return false;
            }
        }
        return span > TimeSpan.Zero;
    }
}
