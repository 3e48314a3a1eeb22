using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Caisson.Linux.Abi;
using Caisson.Linux.Seccomp;
using Xunit;

namespace Caisson.Abi.Tests;

/// <summary>What machines of arm64 are told, held against their own headers: the compiler says what differs, and nothing need run.</summary>
public sealed partial class Arm64Tests
{
    /// <summary>Structures of x86-64's processor, and the one whose layout only x86-64 packs: <c>Abi/Arm64/epoll.cs</c> has it as it comes.</summary>
    private static readonly string[] OfX64 = [nameof(kvm_regs), nameof(epoll_event)];

    [Fact]
    public void Every_constant_has_the_value_of_the_header()
    {
        RequireCompiler();
        Dictionary<string, long> own = ReadOwn();
        // What is not in the folder is shared; KVM's numbers contain the size of a structure of the processor, and are never used there.
        var shared = typeof(Kernel).GetFields(BindingFlags.Public | BindingFlags.Static)
            .Where(field => field.IsLiteral && !own.ContainsKey(field.Name) && !field.Name.StartsWith("SYS_", StringComparison.Ordinal) && !field.Name.StartsWith("KVM_", StringComparison.Ordinal))
            .Select(field => (field.Name, Value: System.Convert.ToInt64(field.GetRawConstantValue(), CultureInfo.InvariantCulture)));
        HashSet<string> enumerators = ConstantTests.Enumerators();

        string[] wrong = Check(shared.Concat(own.Select(one => (Name: one.Key, one.Value)))
            .Where(one => !ConstantTests.NotInHeaders.Contains(one.Name))
            .Select(one => (one.Name, Claim: string.Create(CultureInfo.InvariantCulture, $"(long long)({one.Name}) == {one.Value}"), IsMacro: !enumerators.Contains(one.Name))));

        Assert.Empty(wrong);
        Assert.True(own.Count > 300, $"only {own.Count} constants were found in the folder");
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

    /// <summary>The constants of the folder that is compiled for arm64 alone.</summary>
    private static Dictionary<string, long> ReadOwn() => Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "arm64"), "*.cs")
        .SelectMany(file => Constant().Matches(File.ReadAllText(file)))
        .ToDictionary(match => match.Groups[1].Value, match => match.Groups[2].Value is var text && text.StartsWith("0x", StringComparison.Ordinal)
            ? long.Parse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) : long.Parse(text, CultureInfo.InvariantCulture));

    [GeneratedRegex(@"public const int (\w+) = (\w+);")]
    private static partial Regex Constant();
}
