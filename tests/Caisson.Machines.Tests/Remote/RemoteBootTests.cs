using System.Runtime.InteropServices;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Machines.Remote;
using Xunit;

namespace Caisson.Machines.Tests.Remote;

public sealed class RemoteBootTests
{
    [Fact]
    public void Modules_come_before_the_first_file_system_is_left_and_the_line_is_last()
    {
        RemoteBoot boot = RemoteBoot.Compile(["virtio_mmio", "virtio_console"]);
        string[] steps = [.. boot.Program.Steps.Select(step => step.ToString())];

        int loaded = Array.FindLastIndex(steps, step => step.StartsWith("finit_module", StringComparison.Ordinal));
        int left = Array.FindIndex(steps, step => step.StartsWith("chroot", StringComparison.Ordinal));
        int line = Array.FindIndex(steps, step => step.Contains("/dev/vport0p1", StringComparison.Ordinal));
        Assert.Equal(2, steps.Count(step => step.StartsWith("finit_module", StringComparison.Ordinal)));
        Assert.True(loaded < left && left < line, string.Join('\n', steps));
    }

    [Fact]
    public void An_answer_gives_what_a_list_left_and_a_failure_is_an_error_with_its_reason()
    {
        (UnixSocket host, UnixSocket guest) = UnixSocket.CreatePair(UnixSocketKind.Stream);
        using (host)
        using (guest)
        {
            RemoteBoot boot = RemoteBoot.Compile([]);
            var kernel = new RemoteKernel(host);
            var program = new LaunchProgram(LaunchStage.World);
            Slot opened = program.NewSlot("opened");
            program.Add(SystemCall.openat, "open something", -100, "/x", 0, 0).Into(opened);
            guest.Write(new byte[LaunchRequest.StatusBytes]);
            guest.Write(Slots(boot.Program.Slots.Count, Slot.Sync.Index, 3));
            guest.Write(new byte[LaunchRequest.StatusBytes]);
            guest.Write(Slots(program.Slots.Count, opened.Index, 9));
            guest.Write(MemoryMarshal.AsBytes((ReadOnlySpan<int>)[1, 0, (int)Errno.ENOENT, 0]));

            Assert.Equal(3, kernel.Greet(boot.Program).Number(Slot.Sync));
            Assert.Equal(9, kernel.Run(program).Number(opened));
            var error = Assert.Throws<LinuxException>(() => kernel.Run(program));
            Assert.Equal((Errno.ENOENT, "openat", "open something"), (error.Errno, error.Call, error.Subject));
            guest.Dispose();
            Assert.Equal(ErrorKind.Unavailable, Assert.ThrowsAny<CaissonException>(() => kernel.Run(program)).Kind);
        }
    }

    private static byte[] Slots(int count, int index, long value)
    {
        long[] slots = new long[count];
        slots[index] = value;
        return MemoryMarshal.AsBytes(slots.AsSpan()).ToArray();
    }
}
