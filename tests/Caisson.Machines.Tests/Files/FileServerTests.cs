using System.Text;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Files;

using Xunit;

namespace Caisson.Machines.Tests.Files;

/// <summary>What a machine's kernel may ask of the host's directories, said as raw calls: also what no kernel says.</summary>
public sealed class FileServerTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("caisson-files-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void A_file_is_made_written_read_renamed_and_removed_and_belongs_to_who_asked()
    {
        using var kernel = new Kernel(_directory);
        kernel.Initialize();

        (ulong node, ulong file) = kernel.Create("new", 0x1A4, user: 12, group: 34);
        kernel.Ask(16, node, [.. U64(file), .. U64(0), .. U32(5), .. U32(0), .. U64(0), .. U32(0), .. U32(0), .. "hello"u8]).Succeeds();
        byte[] read = kernel.Ask(15, node, [.. U64(file), .. U64(1), .. U32(100), .. U32(0), .. U64(0), .. U32(0), .. U32(0)]).Succeeds();
        kernel.Ask(20, node, [.. U64(file), .. U32(0), .. U32(0)]).Succeeds();
        kernel.Ask(12, 1, [.. U64(1), .. "new\0old\0"u8]).Succeeds();

        Assert.Equal("ello", Encoding.UTF8.GetString(read));
        Assert.Equal("hello", File.ReadAllText($"{_directory}/old"));
        using (FileDescriptor made = HostFiles.OpenPath($"{_directory}/old"))
        {
            FileStatus status = made.Status;
            Assert.Equal((12u, 34u, 0x1A4), (status.UserId, status.GroupId, status.Mode));
        }
        kernel.Ask(10, 1, Name("old")).Succeeds();
        Assert.False(File.Exists($"{_directory}/old"));
        // What is open goes on, without a name.
        Assert.Equal(5, kernel.Ask(15, node, [.. U64(file), .. U64(0), .. U32(100), .. U32(0), .. U64(0), .. U32(0), .. U32(0)]).Succeeds().Length);
    }

    [Fact]
    public void A_directory_tells_its_names_with_what_they_are()
    {
        Directory.CreateDirectory($"{_directory}/sub");
        File.WriteAllText($"{_directory}/sub/one", "1");
        using var kernel = new Kernel(_directory);
        kernel.Initialize();
        ulong sub = kernel.LookUp("sub");

        ulong handle = BitConverter.ToUInt64(kernel.Ask(27, sub, [.. U32(0), .. U32(0)]).Succeeds());
        byte[] names = kernel.Ask(28, sub, [.. U64(handle), .. U64(0), .. U32(4_096), .. U32(0), .. U64(0), .. U32(0), .. U32(0)]).Succeeds();
        byte[] plus = kernel.Ask(44, sub, [.. U64(handle), .. U64(2), .. U32(4_096), .. U32(0), .. U64(0), .. U32(0), .. U32(0)]).Succeeds();

        Assert.Equal(3 * 32, names.Length);
        Assert.Contains("one", Encoding.UTF8.GetString(names), StringComparison.Ordinal);
        Assert.Equal(128 + 32, plus.Length);
        Assert.Equal(1ul, BitConverter.ToUInt64(plus, 40 + 8)); // the size of one
    }

    [Theory]
    [InlineData("..", Errno.EINVAL)]
    [InlineData(".", Errno.EINVAL)]
    [InlineData("/etc/passwd", Errno.EINVAL)]
    [InlineData("sub/../..", Errno.EINVAL)]
    [InlineData("", Errno.ENAMETOOLONG)]
    [InlineData("nothing", Errno.ENOENT)]
    public void A_name_that_leads_elsewhere_is_none(string name, Errno error)
    {
        using var kernel = new Kernel(_directory);
        kernel.Initialize();

        Assert.Equal(error, kernel.Ask(1, 1, Name(name)).Error);
        Assert.Equal(error == Errno.ENOENT ? Errno.None : error, kernel.Ask(9, 1, [.. U32(0x1C0), .. U32(0), .. Name(name)]).Error);
        Assert.NotEqual(Errno.None, kernel.Ask(11, 1, Name(name + "x")).Error);
    }

    [Fact]
    public void A_link_is_a_text_and_what_is_no_regular_file_is_not_opened()
    {
        File.CreateSymbolicLink($"{_directory}/link", "/etc/passwd");
        using (DirectoryDescriptor directory = HostFiles.OpenDirectory(_directory))
        {
            directory.CreateNode("pipe", FileKind.Fifo, 0x1B6);
            directory.CreateNode("null", FileKind.CharacterDevice, 0x1B6, new DeviceNumber(1, 3));
        }
        using var kernel = new Kernel(_directory);
        kernel.Initialize();

        foreach (string name in (string[])["link", "pipe", "null"])
        {
            Assert.Equal(Errno.ENXIO, kernel.Ask(14, kernel.LookUp(name), [.. U32(2), .. U32(0)]).Error);
        }
        Assert.Equal("/etc/passwd", Encoding.UTF8.GetString(kernel.Ask(5, kernel.LookUp("link"), []).Succeeds()));
        Assert.Equal(Errno.EISDIR, kernel.Ask(14, 1, [.. U32(0), .. U32(0)]).Error);
        Assert.Equal(Errno.EPERM, kernel.Ask(8, 1, [.. U32(0x2000 | 0x1B6), .. U32(0x103), .. U32(0), .. U32(0), .. Name("device")]).Error);
        Assert.Equal(Errno.EOPNOTSUPP, kernel.Ask(21, 1, [.. U32(1), .. U32(0), .. "security.capability\0x"u8]).Error);
    }

    [Fact]
    public void A_call_that_is_none_is_answered_with_an_error()
    {
        using var kernel = new Kernel(_directory);

        Assert.Equal(Errno.EIO, kernel.Ask(1, 1, Name("early")).Error);
        kernel.Initialize();
        Assert.Equal(Errno.EIO, kernel.Ask(26, 0, [.. U32(7), .. U32(36), .. U32(0), .. U32(0)]).Error);
        Assert.Equal(Errno.ENOSYS, kernel.Ask(4_711, 1, []).Error);
        Assert.Equal(Errno.ESTALE, kernel.Ask(3, 99, new byte[16]).Error);
        Assert.Equal(Errno.EBADF, kernel.Ask(15, 1, new byte[40]).Error);
        Assert.Equal(Errno.EINVAL, kernel.Ask(12, 1, [1, 2]).Error);
        Assert.Equal(Errno.EINVAL, kernel.Ask(1, 1, "no end"u8.ToArray()).Error);
        (ulong node, ulong file) = kernel.Create("new", 0x1A4);
        Assert.Equal(Errno.EINVAL, kernel.Ask(16, node, [.. U64(file), .. U64(0), .. U32(1_000), .. U32(0), .. U64(0), .. U32(0), .. U32(0), 1]).Error);
        Assert.Equal(Errno.EINVAL, kernel.Ask(16, node, [.. U64(file), .. U64(ulong.MaxValue), .. U32(1), .. U32(0), .. U64(0), .. U32(0), .. U32(0), 1]).Error);
        Assert.Equal(Errno.EINVAL, kernel.Ask(15, node, [.. U64(file), .. U64(0), .. U32(uint.MaxValue), .. U32(0), .. U64(0), .. U32(0), .. U32(0)]).Error);
    }

    [Theory]
    [InlineData(8u)]
    [InlineData(1u << 30)]
    public void A_length_that_no_call_has_ends_the_service(uint length)
    {
        using var kernel = new Kernel(_directory);
        kernel.Initialize();

        kernel.Send([.. U32(length), .. new byte[60]]);

        Assert.Equal(ErrorKind.InvalidArgument, Assert.IsType<CaissonException>(kernel.WaitForEnd()).Kind);
    }

    [Fact]
    public void Endless_opens_end_in_an_error_and_files_that_are_closed_give_their_place_back()
    {
        using var kernel = new Kernel(_directory);
        kernel.Initialize();
        ulong node = kernel.Create("one", 0x1A4).Node;
        List<ulong> open = [];
        Reply last;

        while ((last = kernel.Ask(14, node, [.. U32(0), .. U32(0)])).Error == Errno.None)
        {
            open.Add(BitConverter.ToUInt64(last.Bytes));
            Assert.True(open.Count < 20_000);
        }

        Assert.True(last.Error is Errno.ENFILE or Errno.EMFILE, last.Error.ToString());
        kernel.Ask(18, node, [.. U64(open[0]), .. U32(0), .. U32(0), .. U64(0)]).Succeeds();
        kernel.Ask(14, node, [.. U32(0), .. U32(0)]).Succeeds();
    }

    [Fact]
    public void More_files_than_handles_are_known_and_one_that_was_replaced_is_stale()
    {
        const int count = 4_200;
        for (int i = 0; i < count; i++)
        {
            File.Create($"{_directory}/{i}").Dispose();
        }
        using var kernel = new Kernel(_directory);
        kernel.Initialize();
        ulong[] nodes = [.. Enumerable.Range(0, count).Select(i => kernel.LookUp($"{i}"))];
        File.Delete($"{_directory}/1");
        File.Create($"{_directory}/other").Dispose();
        File.Move($"{_directory}/other", $"{_directory}/1");

        Assert.Equal(count, nodes.Distinct().Count());
        kernel.Ask(3, nodes[0], new byte[16]).Succeeds();
        Assert.Equal(Errno.ESTALE, kernel.Ask(3, nodes[1], new byte[16]).Error);
    }

    private static byte[] U32(uint value) => BitConverter.GetBytes(value);

    private static byte[] U64(ulong value) => BitConverter.GetBytes(value);

    private static byte[] Name(string name) => [.. Encoding.UTF8.GetBytes(name), 0];

    private sealed record Reply(Errno Error, byte[] Bytes)
    {
        public byte[] Succeeds()
        {
            Assert.Equal(Errno.None, Error);
            return Bytes;
        }
    }

    /// <summary>A server on a thread, and the guest's end of its line.</summary>
    private sealed class Kernel : IDisposable
    {
        private readonly UnixSocket _line;
        private readonly UnixSocket _served;
        private readonly Thread _serving;
        private Exception? _end;
        private ulong _unique;

        public Kernel(string directory)
        {
            (_line, _served) = UnixSocket.CreatePair(UnixSocketKind.Stream);
            _serving = new Thread(() =>
            {
                using var server = new FileServer(_served, HostFiles.OpenDirectory(directory));
                try
                {
                    server.Run();
                }
                catch (CaissonException error)
                {
                    _end = error;
                }
            });
            _serving.Start();
        }

        public void Initialize()
        {
            byte[] answer = Ask(26, 0, [.. U32(7), .. U32(36), .. U32(131_072), .. U32(uint.MaxValue), .. new byte[48]]).Succeeds();
            Assert.Equal((7u, 64), (BitConverter.ToUInt32(answer), answer.Length));
        }

        public ulong LookUp(string name) => BitConverter.ToUInt64(Ask(1, 1, Name(name)).Succeeds());

        public (ulong Node, ulong File) Create(string name, uint mode, uint user = 0, uint group = 0)
        {
            byte[] answer = Ask(35, 1, [.. U32(0x42), .. U32(0x8000 | mode), .. U32(0x12), .. U32(0), .. Name(name)], user, group).Succeeds();
            Assert.Equal(128 + 16, answer.Length);
            return (BitConverter.ToUInt64(answer), BitConverter.ToUInt64(answer, 128));
        }

        public Reply Ask(uint call, ulong node, byte[] arguments, uint user = 0, uint group = 0)
        {
            ulong unique = ++_unique;
            Send([.. U32((uint)(40 + arguments.Length)), .. U32(call), .. U64(unique), .. U64(node), .. U32(user), .. U32(group), .. U32(1), .. U32(0), .. arguments]);
            byte[] header = Read(16);
            Assert.Equal(unique, BitConverter.ToUInt64(header, 8));
            return new Reply((Errno)(-BitConverter.ToInt32(header, 4)), Read(BitConverter.ToInt32(header) - 16));
        }

        public void Send(byte[] bytes) => _line.Write(bytes);

        public Exception? WaitForEnd()
        {
            _serving.Join();
            return _end;
        }

        public void Dispose()
        {
            _line.Dispose();
            _serving.Join();
            _served.Dispose();
        }

        private byte[] Read(int count)
        {
            byte[] bytes = new byte[count];
            for (int done = 0; done < count;)
            {
                int read = _line.Read(bytes.AsSpan(done));
                Assert.NotEqual(0, read);
                done += read;
            }
            return bytes;
        }
    }
}
