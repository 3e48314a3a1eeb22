using System.Text;

using Caisson.Containers.Logs;
using Caisson.Containers.Monitor;
using Caisson.Control.Logs;
using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Linux;

using Xunit;

namespace Caisson.Control.Tests;

/// <summary>Logs as a monitor writes them and the engine reads them.</summary>
public sealed class LogTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("caisson-log-").FullName;
    private readonly List<Problem> _problems = [];

    private string Current => $"{_directory}/log";

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData(LogFormat.Text)]
    [InlineData(LogFormat.Json)]
    [InlineData(LogFormat.Local)]
    public void What_is_written_is_read_in_every_format(LogFormat format)
    {
        LogWriter writer = Open(new LogSettings { Format = format });

        writer.Append(0, "one\ntw"u8);
        writer.Append(1, "bad \"news\"\t\\ \u0001 ä\n"u8);
        writer.Append(0, "o\n\nrest"u8);
        writer.Complete();

        Assert.Equal(["out one\n", "err bad \"news\"\t\\ \u0001 ä\n", "out two\n", "out \n", "out rest"], Read(new LogQuery()));
        Assert.Equal(["err bad \"news\"\t\\ \u0001 ä\n"], Read(new LogQuery { Stdout = false }));
    }

    [Fact]
    public void A_line_of_json_is_dockers()
    {
        LogWriter writer = Open(new LogSettings { Format = LogFormat.Json, Attributes = "{\"tag\":\"x\"}" });

        writer.Append(0, [.. "a\"b"u8, 0xFF, .. "\r\n"u8]);

        string line = File.ReadAllText(Current);
        Assert.StartsWith("{\"log\":\"a\\\"b\\ufffd\\r\\n\",\"stream\":\"stdout\",\"attrs\":{\"tag\":\"x\"},\"time\":\"20", line, StringComparison.Ordinal);
        Assert.EndsWith("Z\"}\n", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_byte_of_a_local_log_comes_back()
    {
        byte[] bytes = new byte[300_000];
        new Random(7).NextBytes(bytes);
        LogWriter writer = Open(new LogSettings { Format = LogFormat.Local });

        for (int at = 0; at < bytes.Length; at += 60_000)
        {
            writer.Append(0, bytes.AsSpan(at, 60_000));
        }

        using LogReader reader = LogReader.TryOpen(Current)!;
        using var all = new MemoryStream();
        while (reader.TryRead(out LogEntry entry) || reader.TryReadUnended(out entry))
        {
            all.Write(entry.Text.Span);
        }
        Assert.True(bytes.AsSpan().SequenceEqual(all.ToArray()));
    }

    [Fact]
    public void A_character_is_not_torn_by_a_long_line()
    {
        string line = new string('x', (16 * 1024) - 1) + "äöü";
        LogWriter writer = Open(new LogSettings { Format = LogFormat.Json });

        writer.Append(0, Encoding.UTF8.GetBytes(line + "\n"));

        Assert.Equal("out " + line + "\n", string.Concat(Read(new LogQuery()).Select((text, at) => at == 0 ? text : text[4..])));
    }

    [Theory]
    [InlineData(LogFormat.Text)]
    [InlineData(LogFormat.Json)]
    [InlineData(LogFormat.Local)]
    public void Full_files_get_numbers_and_the_oldest_goes(LogFormat format)
    {
        LogWriter writer = Open(new LogSettings { Format = format, BytesMaxOfFile = 10_000, FilesMax = 3 });

        for (int i = 0; i < 1_000; i++)
        {
            writer.Append(0, Encoding.ASCII.GetBytes($"line {i:D4} {new string('.', 50)}\n"));
        }

        string[] files = [.. Directory.EnumerateFiles(_directory)];
        Assert.Equal(3, files.Length);
        Assert.All(files, file => Assert.InRange(new FileInfo(file).Length, 1, 10_000));
        List<int> numbers = [.. Read(new LogQuery()).Select(text => int.Parse(text[9..13], System.Globalization.CultureInfo.InvariantCulture))];
        Assert.Equal(Enumerable.Range(numbers[0], 1_000 - numbers[0]), numbers);
        Assert.Equal(Enumerable.Range(850, 150), Read(new LogQuery { Tail = 150 }).Select(text => int.Parse(text[9..13], System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Theory]
    [InlineData(LogFormat.Json, false)]
    [InlineData(LogFormat.Local, false)]
    [InlineData(LogFormat.Local, true)]
    public void A_reader_that_follows_misses_nothing_when_files_become_full_and_are_compressed(LogFormat format, bool compress)
    {
        LogWriter writer = Open(new LogSettings { Format = format, BytesMaxOfFile = 5_000, FilesMax = 1_000 });
        writer.Append(0, "line 0000\n"u8);
        using LogReader reader = LogReader.TryOpen(Current)!;
        List<int> seen = [];

        for (int i = 1; i <= 2_000; i++)
        {
            // A line that comes in two pieces may be in two files.
            writer.Append(0, Encoding.ASCII.GetBytes($"line {i / 1_000}"));
            writer.Append(0, Encoding.ASCII.GetBytes($"{i % 1_000:D3}\n"));
            if (compress && i % 100 == 0)
            {
                new LogFiles(Current).Compress(1_000);
            }
            if (i % 77 == 0)
            {
                Take();
            }
        }
        Take();

        Assert.Equal(Enumerable.Range(0, 2_001), seen);

        void Take()
        {
            while (reader.TryRead(out LogEntry entry))
            {
                seen.Add(int.Parse(Encoding.ASCII.GetString(entry.Text.Span)[5..9], System.Globalization.CultureInfo.InvariantCulture));
            }
        }
    }

    [Fact]
    public void A_log_that_goes_on_in_a_next_run_keeps_its_numbers()
    {
        LogWriter first = Open(new LogSettings { Format = LogFormat.Json, BytesMaxOfFile = 1_000, FilesMax = 100 });
        Write(first, 0, 50);
        first.Rotate();
        new LogFiles(Current).Compress(100);

        LogWriter second = Open(new LogSettings { Format = LogFormat.Json, BytesMaxOfFile = 1_000, FilesMax = 100, NextNumber = new LogFiles(Current).NextNumber });
        Write(second, 50, 50);

        Assert.Equal(Enumerable.Range(0, 100).Select(i => $"out {i}\n"), Read(new LogQuery()));
        Assert.Contains(Directory.EnumerateFiles(_directory), file => file.EndsWith("log.1.gz", StringComparison.Ordinal));
    }

    [Fact]
    public void A_record_that_a_killed_monitor_tore_is_skipped_and_the_next_is_read()
    {
        foreach (LogFormat format in (LogFormat[])[LogFormat.Text, LogFormat.Json, LogFormat.Local])
        {
            File.Delete(Current);
            Open(new LogSettings { Format = format }).Append(0, "one\n"u8);
            byte[] whole = File.ReadAllBytes(Current);
            File.WriteAllBytes(Current, [.. whole, .. whole.AsSpan(0, whole.Length / 2), .. format == LogFormat.Local ? [] : "\n"u8, .. whole]);

            Assert.Equal(["out one\n", "out one\n"], Read(new LogQuery()));
        }
    }

    [Fact]
    public void What_is_too_old_goes_when_a_file_becomes_full()
    {
        var settings = new LogSettings { Format = LogFormat.Local, AgeMaxSeconds = 3_600, FilesMax = int.MaxValue };
        Open(settings).Append(0, "first\n"u8);
        Open(settings).Append(0, "second\n"u8);
        Assert.Equal(["out first\n", "out second\n"], Read(new LogQuery()));
        File.SetLastWriteTimeUtc(Current + ".1", DateTime.UtcNow.AddHours(-2));

        Open(settings with { NextNumber = 2 }).Append(0, "third\n"u8);

        Assert.Equal(["out second\n", "out third\n"], Read(new LogQuery()));
    }

    [Fact]
    public void Settings_come_back_as_they_were()
    {
        var settings = new LogSettings
        {
            Format = LogFormat.Local,
            BytesMaxOfFile = 1L << 40,
            FilesMax = 7,
            AgeMaxSeconds = 86_400,
            NextNumber = 12,
            Name = "x-json.log",
            Attributes = "{\"a\":\"ä\"}",
        };

        Assert.Equal(settings, LogSettings.Decode(settings.Encode()));
        var request = new MonitorRequest { HasLog = true, Log = settings, Inputs = [MonitorInput.Stdin], UserMap = "0 1 2" };
        MonitorRequest read = MonitorRequest.Decode(request.Encode());
        Assert.Equal((settings, "0 1 2", 4), (read.Log, read.UserMap, read.Descriptors));
        Assert.Equal(LogSettings.Plain, MonitorRequest.Decode((request with { Log = LogSettings.Plain }).Encode()).Log);
    }

    [Fact]
    public void Options_are_dockers_and_defaults_are_the_drivers()
    {
        Assert.Equal((LogFormat.Json, 0L, 1, false), Shape(Plan("json-file")!));
        Assert.Equal((LogFormat.Local, 20_000_000L, 5, true), Shape(Plan("local")!));
        Assert.Equal((LogFormat.Json, 10_000L, 3, true), Shape(Plan("json-file", ("max-size", "10k"), ("max-file", "3"), ("compress", "true"))!));
        Assert.Equal(TimeSpan.FromDays(7), Plan("json-file", ("max-age", "7d"))!.AgeMax);
        Assert.Null(Plan("none"));
        Assert.Empty(_problems);

        LogPlan plan = LogPlan.Read(
            new LogConfig { Type = "json-file", Config = new Dictionary<string, string> { ["labels"] = "a,b", ["env"] = "E", ["tag"] = "t" } },
            new ContainerConfig { Labels = new Dictionary<string, string> { ["a"] = "1", ["c"] = "2" }, Env = ["E=3", "F=4"] },
            _problems)!;
        Assert.Equal("{\"E\":\"3\",\"a\":\"1\",\"tag\":\"t\"}", plan.ToSettings("id", 1).Attributes);
    }

    [Theory]
    [InlineData("journald", null, null, "is not supported")]
    [InlineData("no-such", null, null, "no log driver named 'no-such'")]
    [InlineData("json-file", "max-sise", "1m", "unknown log opt 'max-sise'")]
    [InlineData("json-file", "max-size", "huge", "invalid size")]
    [InlineData("json-file", "max-file", "0", "max-file cannot be '0'")]
    [InlineData("json-file", "max-age", "soon", "invalid age")]
    [InlineData("local", "mode", "non-blocking", "output is never dropped")]
    public void What_cannot_be_is_refused_with_the_reason(string driver, string? option, string? value, string reason)
    {
        Plan(driver, option is null ? [] : [(option, value!)]);

        Assert.Contains(_problems, problem => problem.Message.Contains(reason, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Clearing_lets_the_run_go_on_in_another_file_and_removes_the_rest()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workloads.Workload workload = await fixture.StartAsync();
        File.WriteAllText(workload.LogPath!, "{}\n");
        File.WriteAllText(workload.LogPath + ".1.gz", "");

        await workload.ClearLogAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1, fixture.Host.Running[workload.Id].Rotations);
        Assert.False(File.Exists(workload.LogPath + ".1.gz"));
        Assert.True(File.Exists(workload.LogPath));
        await workload.StopAsync(null, 0, TestContext.Current.CancellationToken);
        await workload.ClearLogAsync(TestContext.Current.CancellationToken);

        Assert.False(File.Exists(workload.LogPath));
        Workloads.Workload silent = await fixture.CreateAsync(new HostConfig { LogConfig = new LogConfig { Type = "none" } });
        var error = await Assert.ThrowsAsync<CaissonException>(() => silent.ClearLogAsync(TestContext.Current.CancellationToken));
        Assert.Contains("nothing is kept", error.Message, StringComparison.Ordinal);
    }

    private static (LogFormat, long, int, bool) Shape(LogPlan plan) => (plan.Format, plan.BytesMaxOfFile, plan.FilesMax, plan.Compress);

    private static void Write(LogWriter writer, int first, int count)
    {
        for (int i = first; i < first + count; i++)
        {
            writer.Append(0, Encoding.ASCII.GetBytes($"{i}\n"));
        }
    }

    private LogPlan? Plan(string driver, params (string Name, string Value)[] options) => LogPlan.Read(
        new LogConfig { Type = driver, Config = options.ToDictionary(option => option.Name, option => option.Value) }, null, _problems);

    private LogWriter Open(LogSettings settings) => new(HostFiles.OpenAppend(Current, 0x1A0), settings, HostFiles.OpenDirectory(_directory));

    private List<string> Read(LogQuery query)
    {
        using LogReader reader = LogReader.TryOpen(Current)!;
        if (query.Tail is { } tail)
        {
            reader.SeekTail(tail, query);
        }
        List<string> entries = [];
        while (reader.TryRead(out LogEntry entry) || reader.TryReadUnended(out entry))
        {
            if (query.Accepts(entry))
            {
                entries.Add((entry.Stderr ? "err " : "out ") + Encoding.UTF8.GetString(entry.Text.Span));
            }
        }
        return entries;
    }
}
