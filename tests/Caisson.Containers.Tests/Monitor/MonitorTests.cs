using System.Buffers.Binary;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Caisson.Containers.Logs;
using Caisson.Containers.Monitor;
using Caisson.Errors;
using Caisson.Linux;
using Xunit;

namespace Caisson.Containers.Tests.Monitor;

public sealed class MonitorTests
{
    private static readonly MonitorCall Watch = new(MonitorCallKind.Watch);
    private static readonly MonitorCall AttachAll = new(MonitorCallKind.Attach, 7);

    [Fact]
    public async Task Output_is_framed_for_clients_and_logged_by_line()
    {
        await using var shell = MonitoredShell.Open();
        string directory = shell.NewDirectory();
        await using var pending = await shell.PrepareAsync(directory, "echo out; echo err >&2; printf rest; exit 3", logPath: $"{directory}/log");
        using var client = await MonitoredShell.CallAsync(directory, AttachAll);

        await pending.RunAsync(TestContext.Current.CancellationToken);
        byte[] received = await MonitoredShell.ReadToEndAsync(client);

        Assert.Equal("out\nrest", Stream(received, 1));
        Assert.Equal("err\n", Stream(received, 2));
        Assert.Equal(new ExitStatus(3), ExitRecord.Read(directory)!.Value.Status);
        string[] log = await File.ReadAllLinesAsync($"{directory}/log", TestContext.Current.CancellationToken);
        Assert.Equal(["stderr F err", "stdout F out", "stdout P rest"], log.Select(line => line[31..]).Order(StringComparer.Ordinal));
        Assert.False(File.Exists($"{directory}/{MonitorCall.SocketName}"));
    }

    [Fact]
    public async Task A_log_becomes_full_by_size_and_when_it_is_asked_to_and_who_watches_hears_of_it()
    {
        await using var shell = MonitoredShell.Open();
        string directory = shell.NewDirectory();
        var settings = new LogSettings { Format = LogFormat.Json, BytesMaxOfFile = 1_000, FilesMax = 100, Name = "log" };
        await using var pending = await shell.PrepareAsync(
            directory, "i=0; while [ $i -lt 100 ]; do echo $i; i=$((i+1)); done; cat", openStdin: true, logPath: $"{directory}/log", log: settings);
        using var watch = await MonitoredShell.CallAsync(directory, Watch, MonitorCall.NotYetRunning);
        using var client = await MonitoredShell.CallAsync(directory, AttachAll);
        await pending.RunAsync(TestContext.Current.CancellationToken);
        byte[] heard = new byte[1];

        Assert.Equal(1, await watch.ReceiveAsync(heard, SocketFlags.None));
        Assert.Equal(MonitorCall.LogRotated, heard[0]);
        using var asked = await MonitoredShell.CallAsync(directory, new MonitorCall(MonitorCallKind.RotateLog), 1);
        client.Shutdown(SocketShutdown.Send);
        await MonitoredShell.ReadToEndAsync(client);

        string[] files = [.. Directory.GetFiles(directory, "log*")];
        Assert.All(files, file => Assert.InRange(new FileInfo(file).Length, 0, 1_000));
        Assert.Equal(100, files.Sum(file => File.ReadLines(file).Count()));
    }

    [Fact]
    public async Task The_end_of_a_clients_input_is_the_end_of_stdin()
    {
        await using var shell = MonitoredShell.Open();
        string directory = shell.NewDirectory();
        await using var pending = await shell.PrepareAsync(directory, "cat; echo end", openStdin: true);
        using var client = await MonitoredShell.CallAsync(directory, AttachAll);
        await pending.RunAsync(TestContext.Current.CancellationToken);

        await client.SendAsync("hello "u8.ToArray(), SocketFlags.None);
        client.Shutdown(SocketShutdown.Send);

        Assert.Equal("hello end\n", Stream(await MonitoredShell.ReadToEndAsync(client), 1));
    }

    [Fact]
    public async Task A_process_that_is_killed_before_its_program_runs_may_be_asked_for_again()
    {
        await using var shell = MonitoredShell.Open();
        await using var pending = await shell.PrepareAsync(shell.NewDirectory(), "exit 3");
        using (var process = Pidfd.Open(pending.Pid))
        {
            process.TrySignal(Signal.KILL);
            process.WaitReadable();
        }

        var lost = await Assert.ThrowsAsync<MonitorLostException>(() => pending.RunAsync(TestContext.Current.CancellationToken));

        Assert.Equal("the process was killed (KILL) before its program ran", lost.Message);
    }

    [Fact]
    public async Task A_monitor_that_is_killed_before_it_answers_keeps_neither_client_nor_start_waiting()
    {
        await using var shell = MonitoredShell.Open();
        string directory = shell.NewDirectory();
        await using var pending = await shell.PrepareAsync(directory, "exit 0");
        using var monitor = Pidfd.Open(ParentOf(pending.Pid));
        monitor.TrySignal(Signal.STOP);
        using var client = UnixSocket.Connect($"{directory}/{MonitorCall.SocketName}", UnixSocketKind.Stream).ToSocket();
        await client.SendAsync(AttachAll.Encode(), SocketFlags.None);

        monitor.TrySignal(Signal.KILL);
        var end = await Record.ExceptionAsync(() => client.ReceiveAsync(new byte[1], SocketFlags.None).WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        var lost = await Assert.ThrowsAsync<MonitorLostException>(() => pending.RunAsync(TestContext.Current.CancellationToken));

        Assert.True(end is null or SocketException { SocketErrorCode: SocketError.ConnectionReset }, $"{end}");
        Assert.Equal("the process's monitor was killed before its program ran", lost.Message);
    }

    [Fact]
    public async Task A_monitor_that_waits_has_one_child_and_little_memory_of_its_own()
    {
        await using var shell = MonitoredShell.Open();
        string directory = shell.NewDirectory();
        await using var pending = await shell.PrepareAsync(directory, "exec cat", openStdin: true, logPath: $"{directory}/log");
        using var client = await MonitoredShell.CallAsync(directory, AttachAll);
        await pending.RunAsync(TestContext.Current.CancellationToken);
        byte[] echoed = new byte[64];
        await client.SendAsync("a line\n"u8.ToArray(), SocketFlags.None);
        await client.ReceiveAsync(echoed, SocketFlags.None);
        int monitor = ParentOf(pending.Pid);

        // The launcher ends just after its last word, and rest begins when nothing has come for a moment.
        for (int i = 0; i < 200 && (ChildrenOf(monitor) != $"{pending.Pid} " || PrivateKiB(monitor) > 160); i++)
        {
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }

        Assert.Equal($"{pending.Pid} ", ChildrenOf(monitor));
        Assert.InRange(PrivateKiB(monitor), 1, 160);
        client.Shutdown(SocketShutdown.Send);
        await MonitoredShell.ReadToEndAsync(client);
    }

    [Fact]
    public async Task No_byte_is_lost_to_a_slow_client()
    {
        await using var shell = MonitoredShell.Open();
        string directory = shell.NewDirectory();
        await using var pending = await shell.PrepareAsync(directory, "head -c 20000000 /dev/zero", logPath: $"{directory}/log");
        using var slow = await MonitoredShell.CallAsync(directory, AttachAll);
        using var quick = await MonitoredShell.CallAsync(directory, AttachAll);
        await pending.RunAsync(TestContext.Current.CancellationToken);

        var first = MonitoredShell.ReadToEndAsync(quick);
        await Task.Delay(50, TestContext.Current.CancellationToken);
        byte[] late = await MonitoredShell.ReadToEndAsync(slow);

        Assert.Equal(20_000_000, Stream(late, 1).Length);
        Assert.Equal(20_000_000, Stream(await first, 1).Length);
    }

    [Fact]
    public async Task A_program_that_is_missing_is_told_and_leaves_a_record_that_it_never_ran()
    {
        await using var shell = MonitoredShell.Open();
        string directory = shell.NewDirectory();
        await using var pending = await shell.PrepareAsync(directory, "", program: "/no/such/program");

        var failed = await Assert.ThrowsAsync<LaunchFailedException>(() => pending.RunAsync(TestContext.Current.CancellationToken));

        Assert.Equal(Errno.ENOENT, failed.Step.Errno);
        Assert.Equal(ExitKind.NeverRan, ExitRecord.Read(directory)!.Value.Kind);
        Assert.Equal([ExitRecord.FileName], Directory.EnumerateFileSystemEntries(directory).Select(Path.GetFileName));
    }

    [Fact]
    public async Task An_abandoned_start_ends_the_process_and_leaves_a_record_that_it_never_ran()
    {
        await using var shell = MonitoredShell.Open();
        string directory = shell.NewDirectory();
        var pending = await shell.PrepareAsync(directory, "exit 0");
        using var process = Pidfd.Open(pending.Pid);
        using var watch = await MonitoredShell.CallAsync(directory, Watch);

        await pending.DisposeAsync();
        await MonitoredShell.ReadToEndAsync(watch);

        Assert.True(process.WaitReadable(5_000));
        Assert.Equal(ExitKind.NeverRan, ExitRecord.Read(directory)!.Value.Kind);
        Assert.Equal([ExitRecord.FileName], Directory.EnumerateFileSystemEntries(directory).Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_watch_is_told_whether_the_program_runs_already()
    {
        await using var shell = MonitoredShell.Open();
        string directory = shell.NewDirectory();
        await using var pending = await shell.PrepareAsync(directory, "sleep 30");
        using var process = Pidfd.Open(pending.Pid);

        using var before = await MonitoredShell.CallAsync(directory, Watch, MonitorCall.NotYetRunning);
        await pending.RunAsync(TestContext.Current.CancellationToken);
        using var after = await MonitoredShell.CallAsync(directory, Watch, MonitorCall.Running);

        Assert.True(process.TrySignal(Signal.KILL));
        await MonitoredShell.ReadToEndAsync(after);
    }

    [Fact]
    public void A_record_says_what_kind_of_end_it_was_and_why()
    {
        ExitRecord record = new(new ExitStatus(0, Signal.KILL), DateTimeOffset.UnixEpoch, Errno.ENOSPC, ExitKind.MonitorFailed, "out of\nmemory");

        var read = ExitRecord.Parse(record.Format());

        Assert.Equal(record with { Reason = "out of memory" }, read);
    }

    [Fact]
    public async Task A_monitor_listens_where_a_killed_one_did()
    {
        await using var shell = MonitoredShell.Open();
        string directory = shell.NewDirectory();
        using (UnixSocket.Listen($"{directory}/{MonitorCall.SocketName}", UnixSocketKind.Stream))
        {
            // Closed without its name being taken away.
        }

        await using var pending = await shell.PrepareAsync(directory, "exit 0");
        await pending.RunAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_signal_that_ends_the_program_is_on_record()
    {
        await using var shell = MonitoredShell.Open();
        string directory = shell.NewDirectory();
        await using var pending = await shell.PrepareAsync(directory, "kill -TERM $$");
        using var watch = await MonitoredShell.CallAsync(directory, Watch);

        await pending.RunAsync(TestContext.Current.CancellationToken);
        await MonitoredShell.ReadToEndAsync(watch);

        Assert.Equal(143, ExitRecord.Read(directory)!.Value.Status.ShellCode);
    }

    [Fact]
    public async Task What_holds_the_streams_open_does_not_delay_the_record_for_ever()
    {
        await using var shell = MonitoredShell.Open();
        string directory = shell.NewDirectory();
        await using var pending = await shell.PrepareAsync(directory, "sleep 30 & echo $!");
        using var client = await MonitoredShell.CallAsync(directory, AttachAll);

        await pending.RunAsync(TestContext.Current.CancellationToken);
        string output = Stream(await MonitoredShell.ReadToEndAsync(client), 1);

        Assert.Equal(0, ExitRecord.Read(directory)!.Value.Status.ShellCode);
        using var sleeper = Pidfd.Open(int.Parse(output, System.Globalization.CultureInfo.InvariantCulture));
        Assert.True(sleeper.TrySignal(Signal.KILL));
    }

    [Fact]
    public async Task A_request_that_is_none_is_refused_and_the_keeper_goes_on()
    {
        await using var shell = MonitoredShell.Open();
        string directory = shell.NewDirectory();
        await (await shell.PrepareAsync(directory, "exit 0")).DisposeAsync();
        using var connection = UnixSocket.Connect($"{shell.Run}/{Keeper.SocketName}", UnixSocketKind.SequencedPacket);
        byte[] buffer = new byte[MonitorReport.BytesMax];

        connection.Send("nonsense"u8);
        int count = connection.Receive(buffer);

        Assert.Contains("not one", ((MonitorReport.Refused)MonitorReport.Decode(buffer.AsSpan(0, count))).Reason, StringComparison.Ordinal);
        string another = shell.NewDirectory();
        await (await shell.PrepareAsync(another, "exit 0")).DisposeAsync();
    }

    [Fact]
    public async Task A_runtime_that_is_missing_is_named()
    {
        var directory = Directory.CreateTempSubdirectory("caisson-keeper-");
        using var client = new KeeperClient(directory.FullName, "/no/such/runtime");

        var error = await Assert.ThrowsAsync<CaissonException>(() => client.PrepareAsync(
            new MonitorRequest(), directory.FullName, new Linux.Launch.LaunchProgram(Linux.Launch.LaunchStage.World).Encode(), null, [], TestContext.Current.CancellationToken));

        Assert.Contains("/no/such/runtime", error.Message, StringComparison.Ordinal);
        directory.Delete();
    }

    private static string Stream(ReadOnlySpan<byte> frames, byte stream)
    {
        StringBuilder text = new();
        while (!frames.IsEmpty)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(frames[4..]);
            if (frames[0] == stream)
            {
                text.Append(Encoding.ASCII.GetString(frames.Slice(8, length)));
            }
            frames = frames[(8 + length)..];
        }
        return text.ToString();
    }

    private static int ParentOf(int pid)
    {
        string status = File.ReadAllText($"/proc/{pid}/stat");
        return int.Parse(status[(status.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
    }

    private static string ChildrenOf(int pid) => File.ReadAllText($"/proc/{pid}/task/{pid}/children");

    /// <summary>
    /// What the process has written to. Pages of the program's file that were only read are left out: they are the file's, and count as private
    /// whenever nobody else has just looked at them.
    /// </summary>
    private static int PrivateKiB(int pid)
    {
        int sum = 0;
        int dirty = 0;
        foreach (string line in File.ReadLines($"/proc/{pid}/smaps"))
        {
            string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields[0] == "Private_Dirty:")
            {
                dirty = int.Parse(fields[1], CultureInfo.InvariantCulture);
            }
            else if (fields[0] == "Anonymous:")
            {
                sum += Math.Min(dirty, int.Parse(fields[1], CultureInfo.InvariantCulture));
            }
        }
        return sum;
    }
}
