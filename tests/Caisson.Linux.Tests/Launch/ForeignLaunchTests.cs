using System.Buffers.Binary;

using Caisson.Linux.Launch;

using Xunit;

using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux.Tests.Launch;

/// <summary>Launches that are compiled here and walked by a machine of arm64.</summary>
public sealed class ForeignLaunchTests
{
    [Fact]
    public void Calls_have_the_numbers_of_the_machine_they_are_for()
    {
        ReadOnlySpan<byte> image = Program().Encode(KernelArchitecture.Arm64).Bytes.Span;

        Assert.Equal([56, 437, -3, 94], Numbers(image));
    }

    [Fact]
    public void Flags_of_open_are_where_the_machine_has_them()
    {
        ReadOnlySpan<byte> image = Program().Encode(KernelArchitecture.Arm64).Bytes.Span;
        int operations = BinaryPrimitives.ReadInt32LittleEndian(image[16..]);
        long how = BinaryPrimitives.ReadInt64LittleEndian(image[(operations + LaunchImage.OperationSize + 8 + 16)..]);

        Assert.Equal(O_PATH | O_CLOEXEC | 0x4000 | 0x8000, BinaryPrimitives.ReadInt64LittleEndian(image[(operations + 8 + 16)..]));
        Assert.Equal(O_PATH | 0x4000, BinaryPrimitives.ReadInt64LittleEndian(image[(int)how..]));
    }

    [Fact]
    public void An_image_for_another_machine_is_refused_here()
    {
        LaunchImage foreign = Program().Encode(KernelArchitecture.Arm64);

        Assert.Equal(KernelArchitecture.Arm64, foreign.Architecture);
        Assert.Throws<FormatException>(() => LaunchImage.FromBytes(foreign.Bytes.ToArray()));
        Assert.Equal(KernelArchitectures.Own, LaunchImage.FromBytes(Program().Encode().Bytes.ToArray()).Architecture);
    }

    [Fact]
    public void The_second_stage_is_an_executable_of_the_machine()
    {
        byte[] elf = SelfProgram.ToElf(Program().Encode(KernelArchitecture.Arm64));

        Assert.Equal(183, BinaryPrimitives.ReadInt16LittleEndian(elf.AsSpan(18)));
        Assert.Equal([0x00, 0x00, 0x82, 0xd2, 0x00, 0x08, 0xa0, 0xf2], elf[SelfProgram.EntryOffset..(SelfProgram.EntryOffset + 8)]); // mov x0, 0x401000
        Assert.Equal(62, BinaryPrimitives.ReadInt16LittleEndian(SelfProgram.ToElf(Program().Encode()).AsSpan(18)));
    }

    [Fact]
    public void A_call_that_the_machine_has_not_is_an_error_of_ours()
    {
        LaunchProgram program = new(LaunchStage.World);
        program.Add(SystemCall.dup2, "there is only dup3", 0, 1);

        Assert.Throws<InvalidOperationException>(() => program.Encode(KernelArchitecture.Arm64));
    }

    [Fact]
    public void A_request_has_its_addresses_already_and_says_what_it_wants_back()
    {
        LaunchProgram program = new(LaunchStage.World);
        Slot count = program.NewSlot("count");
        Block first = Block.Buffer(8, "first");
        Block second = Block.Buffer(8, "second");
        program.Add(SystemCall.read, "read", 5, first, 8).Into(count);
        program.Add(SystemCall.read, "read", 5, second, 8);

        LaunchRequest request = LaunchRequest.Encode(program, line: 7, first);
        ReadOnlySpan<byte> bytes = request.Bytes.Span;
        int operations = BinaryPrimitives.ReadInt32LittleEndian(bytes[16..]);
        byte[] answer = new byte[request.AnswerBytes];
        answer[count.Index * 8] = 8;
        answer[^8] = 42;

        Assert.Equal(7, BinaryPrimitives.ReadInt64LittleEndian(bytes[(LaunchImage.HeaderSize + 8)..]));
        Assert.Equal(ServerProgram.ArenaAddress + operations + (2 * LaunchImage.OperationSize), BinaryPrimitives.ReadInt64LittleEndian(bytes[(operations + 16)..]));
        Assert.Equal(8, LaunchRequest.Read(answer, count));
        Assert.Equal(42, request.Read(answer, first)[0]);
        Assert.True(answer.Length < bytes.Length - 8); // what was not wanted does not come
        Assert.Equal((1, Errno.ENOENT), LaunchRequest.FailureOf([1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]));
    }

    [Fact]
    public void Only_a_servers_list_may_wait_by_going_back()
    {
        LaunchProgram program = new(LaunchStage.World);
        Label again = new();
        program.Mark(again);
        program.Add(SystemCall.Branch, "again", 1).Then(again);

        LaunchRequest request = LaunchRequest.Encode(program, 3);
        int operations = BinaryPrimitives.ReadInt32LittleEndian(request.Bytes.Span[16..]);

        Assert.Equal(-1, BinaryPrimitives.ReadInt32LittleEndian(request.Bytes.Span[(operations + 68)..]));
        Assert.Throws<InvalidOperationException>(() => program.Encode(KernelArchitecture.Arm64));
    }

    [Theory]
    [InlineData("amd64", KernelArchitecture.X64)]
    [InlineData("x86_64", KernelArchitecture.X64)]
    [InlineData("arm64", KernelArchitecture.Arm64)]
    [InlineData("aarch64", KernelArchitecture.Arm64)]
    public void Architectures_are_known_by_both_names(string name, KernelArchitecture expected)
    {
        Assert.True(KernelArchitectures.TryParse(name, out KernelArchitecture architecture));

        Assert.Equal(expected, architecture);
        Assert.Contains(name, (string[])[architecture.Name(), architecture.MachineName()]);
        Assert.False(KernelArchitectures.TryParse("riscv64", out _));
    }

    private static LaunchProgram Program()
    {
        LaunchProgram program = new(LaunchStage.World);
        program.Add(SystemCall.openat, "open", AT_FDCWD, "/", Argument.Of(O_PATH | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW, "flags"), 0);
        program.Add(SystemCall.openat2, "open", AT_FDCWD, "/", Block.OpenHow(O_PATH | O_DIRECTORY, 0, 0, "how"), 24);
        program.Add(SystemCall.Require, "a verb of the interpreter's own", 1);
        program.Add(SystemCall.exit_group, "end", 0);
        return program;
    }

    private static long[] Numbers(ReadOnlySpan<byte> image)
    {
        int count = BinaryPrimitives.ReadInt32LittleEndian(image[12..]);
        int operations = BinaryPrimitives.ReadInt32LittleEndian(image[16..]);
        long[] numbers = new long[count];
        for (int i = 0; i < count; i++)
        {
            numbers[i] = BinaryPrimitives.ReadInt64LittleEndian(image[(operations + (i * LaunchImage.OperationSize))..]);
        }
        return numbers;
    }
}
