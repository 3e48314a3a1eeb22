using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using Caisson.Linux;
using Caisson.Linux.Abi;
using Caisson.Linux.Launch;
using Caisson.Linux.Seccomp;
using Xunit;

namespace Caisson.Abi.Tests;

/// <summary>What machines of arm64 are told, held against their own headers: the compiler says what differs, and nothing need run.</summary>
public sealed class Arm64Tests
{
    /// <summary>Structures of x86-64's processor, and the one that only x86-64 packs; no launch carries them.</summary>
    private static readonly string[] OfX64 = [nameof(kvm_regs), nameof(epoll_event)];

    /// <summary>What <see cref="LaunchWords"/> translates; the C library hides one of them.</summary>
    private static readonly string[] Differing = ["O_DIRECTORY", "O_NOFOLLOW", "O_LARGEFILE", "O_TMPFILE"];

    [Fact]
    public void Every_constant_is_the_same_there()
    {
        RequireCompiler();
        // Calls have numbers of their own, and KVM's contain the size of a structure of the processor.
        var shared = typeof(Kernel).GetFields(BindingFlags.Public | BindingFlags.Static)
            .Where(field => field.IsLiteral && !Differing.Contains(field.Name) && !field.Name.StartsWith("SYS_", StringComparison.Ordinal) && !field.Name.StartsWith("KVM_", StringComparison.Ordinal))
            .Select(field => (field.Name, Value: System.Convert.ToInt64(field.GetRawConstantValue(), CultureInfo.InvariantCulture)));
        HashSet<string> enumerators = ConstantTests.Enumerators();

        string[] wrong = Check(shared
            .Where(one => !ConstantTests.NotInHeaders.Contains(one.Name))
            .Select(one => (one.Name, Claim: string.Create(CultureInfo.InvariantCulture, $"(long long)({one.Name}) == {one.Value}"), IsMacro: !enumerators.Contains(one.Name))));

        Assert.Empty(wrong);
    }

    [Fact]
    public void Flags_of_open_are_where_the_header_has_them()
    {
        RequireCompiler();
        (string Name, long Flag)[] flags = [("O_DIRECTORY", Kernel.O_DIRECTORY), ("O_NOFOLLOW", Kernel.O_NOFOLLOW), ("O_TMPFILE", Kernel.O_TMPFILE), ("O_PATH", Kernel.O_PATH), ("O_CLOEXEC", Kernel.O_CLOEXEC)];

        string[] wrong = Check(flags.Select(one => (
            one.Name, string.Create(CultureInfo.InvariantCulture, $"(long long)({one.Name}) == {LaunchWords.OpenFlags(one.Flag, KernelArchitecture.Arm64)}"), false)));

        Assert.Empty(wrong);
    }

    [Fact]
    public void Every_structure_has_the_size_and_offsets_of_the_header()
    {
        RequireCompiler();

        string[] wrong = Check(StructureTests.Structures.Where(structure => !OfX64.Contains(structure.Ours.Name)).SelectMany(structure =>
            StructureTests.Fields(structure).Select(field => (
                    Name: $"{structure.C} {field.C}",
                    Claim: string.Create(CultureInfo.InvariantCulture, $"offsetof({structure.C}, {field.C}) == {Marshal.OffsetOf(structure.Ours, field.Ours)}"),
                    IsMacro: false))
                .Concat(structure.C.StartsWith("union", StringComparison.Ordinal) ? [] :
                    [(Name: structure.C, Claim: string.Create(CultureInfo.InvariantCulture, $"sizeof({structure.C}) == {Marshal.SizeOf(structure.Ours)}"), IsMacro: false)])));

        Assert.Empty(wrong);
    }

    [Fact]
    public void Every_call_of_the_table_has_the_number_of_the_header()
    {
        RequireCompiler();
        var calls = Enumerable.Range(0, SyscallTable.Count).Select(SyscallTable.NameAt)
            .Select(name => (Name: name, Number: SyscallTable.TryFind(name, out SyscallNumbers numbers) ? numbers.Arm64 : -1))
            .ToArray();

        // A call that the table does not have there is one that the header does not have either.
        string[] wrong = Check(calls.Select(call => ($"__NR_{call.Name}", string.Create(CultureInfo.InvariantCulture, $"__NR_{call.Name} == {call.Number}"), true)));

        Assert.Empty(wrong);
        Assert.True(calls.Count(call => call.Number >= 0) > 300);
    }

    private static void RequireCompiler() => Assert.SkipUnless(CCompiler.Has(CCompiler.Arm64), $"needs {CCompiler.Arm64} with the headers of its C library");

    private static string[] Check(IEnumerable<(string Name, string Claim, bool IsMacro)> claims)
    {
        var source = new StringBuilder(Headers.Text);
        foreach ((string name, string claim, bool isMacro) in claims)
        {
            string assertion = $"_Static_assert({claim}, \"{name}\");\n";
            source.Append(isMacro ? $"#ifdef {name}\n{assertion}#endif\n" : assertion);
        }
        return CCompiler.CheckForArm64(source.ToString());
    }
}
