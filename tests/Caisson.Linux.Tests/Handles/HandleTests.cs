using System.Text;
using Caisson.Errors;
using Xunit;

namespace Caisson.Linux.Tests.Handles;

public sealed class HandleTests
{
    [Fact]
    public void A_process_is_signalled_until_it_is_gone()
    {
        using var process = Shell.Start("exec sleep 1000");
        using var pidfd = Pidfd.Open(process.Id);
        Assert.False(pidfd.HasExited);

        Assert.True(pidfd.TrySignal(Signal.TERM));

        process.WaitForExit();
        Assert.True(pidfd.WaitReadable(10000));
        Assert.True(pidfd.HasExited);
        Assert.False(pidfd.TrySignal(Signal.TERM));
        Assert.Null(Pidfd.TryOpen(0x7FFFFFFE));
    }

    [Fact]
    public void A_namespace_is_opened_of_the_very_process()
    {
        using var process = Shell.Start("exec sleep 1000");
        using var pidfd = Pidfd.Open(process.Id);
        Assert.Equal(process.Id, pidfd.ReadProcessId());
        using var own = Namespace.OpenOwn(NamespaceKind.Uts);

        using (var its = Namespace.Open(pidfd, NamespaceKind.Uts))
        {
            Assert.Equal(own.Identity, its.Identity);
        }

        pidfd.TrySignal(Signal.KILL);
        process.WaitForExit();
        Assert.Equal(Errno.ESRCH, Assert.Throws<LinuxException>(() => Namespace.Open(pidfd, NamespaceKind.Uts)).Errno);
    }

    [Fact]
    public void Messages_name_what_was_opened()
    {
        using var temporary = new TemporaryDirectory();
        temporary.Write("f", "");

        using var file = temporary.Root.OpenFile("f");
        using var directory = temporary.Root.OpenDirectory("/");

        Assert.Contains("nonsense of f", Assert.Throws<LinuxException>(() => file.SetExtendedAttribute("nonsense", "x"u8)).Message);
        Assert.Contains("mkdirat f in /", Assert.Throws<LinuxException>(() => directory.CreateDirectory("f", 0x1ED)).Message);
    }

    [Fact]
    public void Waiting_for_what_is_no_child_says_so()
    {
        using var init = Pidfd.Open(1);

        Assert.Equal(Errno.ECHILD, Assert.Throws<LinuxException>(() => init.WaitExit()).Errno);
    }

    [Fact]
    public void A_sealed_memfd_cannot_be_changed()
    {
        using var memfd = Memfd.CreateSealed("caisson-test", "content"u8);

        Assert.True(Memfd.IsSealed(memfd));
        Assert.Equal(Errno.EPERM, Assert.Throws<LinuxException>(() => memfd.Write("x"u8)).Errno);
        Assert.Equal("content"u8.ToArray(), HostFiles.Read(memfd.ProcPath));
        using var open = Memfd.Create("caisson-test");
        Assert.False(Memfd.IsSealed(open));
        using var pipe = Pipe.Create();
        Assert.False(Memfd.IsSealed(pipe.Reader));
    }

    [Fact]
    public void Events_add_up_and_are_taken_at_once()
    {
        using var counter = Eventfd.Create(nonBlocking: true);
        using var epoll = Epoll.Create();
        epoll.Add(counter, EpollEvents.Readable, 77);
        var answers = new EpollAnswer[4];
        Assert.Equal(0, epoll.Wait(answers, 0));

        counter.Add(2);
        counter.Add(3);

        Assert.Equal(1, epoll.Wait(answers));
        Assert.Equal(new EpollAnswer(77, EpollEvents.Readable), answers[0]);
        Assert.Equal(5ul, counter.Take());
        Assert.Equal(0ul, counter.Take());
    }

    [Fact]
    public void A_terminal_has_a_size_and_raw_modes()
    {
        using var pty = Pty.Open();
        using var peer = pty.OpenPeer();

        Terminal.SetSize(pty, new(24, 80));
        var modes = Terminal.TryMakeRaw(peer);
        pty.Write("a\r"u8);
        byte[] buffer = new byte[16];
        int count = peer.Read(buffer);

        Assert.Equal(new TerminalSize(24, 80), Terminal.TryGetSize(peer));
        Assert.Equal("a\r"u8.ToArray(), buffer[..count]);
        Terminal.Restore(peer, modes!);
        pty.Write("b\r"u8);
        count = peer.Read(buffer);
        Assert.Equal("b\n"u8.ToArray(), buffer[..count]);
        using var pipe = Pipe.Create();
        Assert.Null(Terminal.TryGetSize(pipe.Reader));
        Assert.Null(Terminal.TryMakeRaw(pipe.Reader));
    }

    [Fact]
    public void Descriptors_travel_with_a_message()
    {
        var (one, other) = UnixSocket.CreatePair(UnixSocketKind.SequencedPacket);
        using (one)
        using (other)
        using (var pipe = Pipe.Create())
        {
            one.Send("two"u8, pipe.Reader, pipe.Writer);

            List<Descriptor> received = [];
            byte[] buffer = new byte[16];
            Assert.Equal(3, other.Receive(buffer, received));

            Assert.Equal(2, received.Count);
            received[1].Write("through"u8);
            int count = pipe.Reader.Read(buffer);
            Assert.Equal("through", Encoding.ASCII.GetString(buffer, 0, count));
            received.ForEach(descriptor => descriptor.Dispose());
        }
    }

    [Fact]
    public void As_many_descriptors_as_the_kernel_carries_go_and_one_more_is_refused()
    {
        var (one, other) = UnixSocket.CreatePair(UnixSocketKind.SequencedPacket);
        using (one)
        using (other)
        using (var pipe = Pipe.Create())
        {
            one.Send("x"u8, Enumerable.Repeat(pipe.Reader, UnixSocket.DescriptorsMax).ToArray());
            List<Descriptor> received = [];
            other.Receive(new byte[1], received);

            Assert.Equal(UnixSocket.DescriptorsMax, received.Count);
            received.ForEach(descriptor => descriptor.Dispose());
            Assert.Throws<CaissonException>(() => one.Send("x"u8, Enumerable.Repeat(pipe.Reader, 254).ToArray()));
        }
    }

    [Fact]
    public void Unexpected_descriptors_and_cut_messages_are_errors()
    {
        var (one, other) = UnixSocket.CreatePair(UnixSocketKind.SequencedPacket);
        using (one)
        using (other)
        {
            one.Send("x"u8, one);
            Assert.Contains("where none belong", Assert.Throws<CaissonException>(() => other.Receive(new byte[8])).Message);

            one.Send("too long"u8);
            Assert.Contains("longer than 3", Assert.Throws<CaissonException>(() => other.Receive(new byte[3])).Message);

            one.Dispose();
            Assert.Equal(0, other.Receive(new byte[8]));
        }
    }

    [Fact]
    public void A_socket_may_have_a_long_path_and_knows_its_peer()
    {
        using var temporary = new TemporaryDirectory();
        string directory = temporary.Make(string.Join('/', Enumerable.Repeat(new string('d', 60), 4)));
        using var listener = UnixSocket.Listen($"{directory}/control.sock", UnixSocketKind.Stream);

        using var client = UnixSocket.Connect($"{directory}/control.sock", UnixSocketKind.Stream);
        using var server = listener.Accept();
        client.Send("hello"u8);
        client.ShutdownWrite();

        Assert.Equal("hello"u8.ToArray(), server.ReadToEnd(100));
        Assert.Equal(new PeerCredentials(Environment.ProcessId, 0, 0), server.PeerCredentials);
        Assert.Equal(0x180, temporary.Root.TryGetStatus($"{directory[temporary.Path.Length..]}/control.sock")!.Value.Mode);
    }

    [Fact]
    public void Nobody_listening_is_said()
    {
        using var temporary = new TemporaryDirectory();
        UnixSocket.Listen($"{temporary.Path}/s", UnixSocketKind.Stream).Dispose();

        Assert.Equal(Errno.ECONNREFUSED, Assert.Throws<LinuxException>(() => UnixSocket.Connect($"{temporary.Path}/s", UnixSocketKind.Stream)).Errno);
        Assert.Equal(Errno.ENOENT, Assert.Throws<LinuxException>(() => UnixSocket.Connect($"{temporary.Path}/t", UnixSocketKind.Stream)).Errno);
    }

    [Fact]
    public void Descriptors_do_not_survive_exec_unless_they_are_to()
    {
        using var pipe = Pipe.Create();
        nint number = pipe.Reader.DangerousGetHandle();

        Assert.Equal("no", Shell.Run($"test -e /proc/self/fd/{number} && echo yes || echo no"));
        pipe.Reader.SetCloseOnExec(false);
        Assert.Equal("yes", Shell.Run($"test -e /proc/self/fd/{number} && echo yes || echo no"));
    }

    [Fact]
    public void A_descriptor_that_was_not_inherited_is_refused()
    {
        Assert.Equal(Errno.EBADF, Assert.Throws<LinuxException>(() => Descriptor.FromInherited(54321)).Errno);
    }

    [Fact]
    public void A_signal_is_read_where_it_is_blocked()
    {
        Signal signal = 0;
        OwnThread.Run(() =>
        {
            Signalfd.Block([Signal.USR2]);
            using var signals = Signalfd.Create([Signal.USR2]);
            Libc.syscall(Abi.Kernel.SYS_tkill, Libc.syscall(Abi.Kernel.SYS_gettid), (nint)Signal.USR2);
            Assert.True(signals.TryTake(out signal, out int sender));
            Assert.Equal(Environment.ProcessId, sender);
        });

        Assert.Equal(Signal.USR2, signal);
    }
}
