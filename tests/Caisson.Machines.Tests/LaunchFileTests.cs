using Caisson.Machines.Agent;
using Caisson.Machines.Plan;
using Xunit;

namespace Caisson.Machines.Tests;

public sealed class LaunchFileTests
{
    private static readonly GuestLaunch Program = new()
    {
        World = new byte[] { 1, 2, 3 },
        Self = new byte[] { 4 },
        Terminal = true,
        Inputs = [new GuestInput(GuestInputKind.Self), new GuestInput(GuestInputKind.Bind, 1, "/a"), new GuestInput(GuestInputKind.Stdio, 2)],
        WorldSteps = ["one"],
        SelfSteps = ["two", "the program"],
    };

    private static readonly MachineLaunch Launch = new()
    {
        Qemu = ["/usr/bin/qemu", "-name", "x"],
        QemuUser = 1000,
        Program = Program,
        Devices = ["eth0"],
        Settings = new MachineSettings
        {
            Hostname = "web",
            HasDataDisk = true,
            Seed = new byte[] { 9, 9 },
            Now = DateTimeOffset.UnixEpoch,
            Files = [new GuestFile("hosts", "127.0.0.1 localhost\n"u8.ToArray())],
            Links = [new GuestLink(new byte[] { 2, 0, 0, 0, 0, 1 }, "eth0", 1500, ["10.0.0.2/24"], ["10.0.0.1"])],
        },
    };

    [Fact]
    public void A_launch_is_read_as_it_was_written()
    {
        MachineLaunch read = MachineLaunch.Decode(Launch.Encode());

        Assert.Equal(Launch.Encode(), read.Encode());
        Assert.Equal(Launch.Qemu, read.Qemu);
        Assert.Equal(Program.Inputs, read.Program.Inputs);
        Assert.Equal(Program.SelfSteps, read.Program.SelfSteps);
        Assert.Equal(["10.0.0.2/24"], read.Settings.Links[0].Addresses);
        Assert.True(read.Program.Terminal);
    }

    [Fact]
    public void A_launch_that_was_cut_or_changed_is_refused_and_never_more()
    {
        byte[] whole = Launch.Encode();
        var random = new Random(1);

        for (int i = 0; i < whole.Length; i++)
        {
            Assert.Throws<FormatException>(() => MachineLaunch.Decode(whole.AsSpan(0, i)));
            byte[] changed = [.. whole];
            changed[i] = (byte)random.Next(256);
            try
            {
                _ = MachineLaunch.Decode(changed);
            }
            catch (FormatException)
            {
                // The one thing that may come of it.
            }
        }
    }

    [Fact]
    public void A_failure_is_read_as_it_was_written()
    {
        var failure = new GuestFailure(1, 42, 2, "text");

        Assert.Equal(failure, GuestFailure.Decode(failure.Encode()));
    }
}
