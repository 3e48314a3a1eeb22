using System.Globalization;
using System.Reflection;
using System.Text;
using Caisson.Linux;
using Caisson.Linux.Abi;
using Xunit;

namespace Caisson.Abi.Tests;

public sealed class ConstantTests
{
    /// <summary>Our value is the kernel's, the C library's is another (it hides the flag on 64-bit machines), or only an internal header of the kernel has it.</summary>
    internal static readonly string[] NotInHeaders =
        ["O_LARGEFILE", "MNT_FORCE", "MNT_DETACH", "MNT_EXPIRE", "UMOUNT_NOFOLLOW", "IFALIASZ", "SA_RESTORER"];

    [Fact]
    public void Every_constant_has_the_value_of_the_header()
    {
        Assert.SkipUnless(CCompiler.Exists, "needs a C compiler");
        var ours = typeof(Kernel).GetFields(BindingFlags.Public | BindingFlags.Static)
            .Where(field => field.IsLiteral)
            .ToDictionary(field => field.Name, field => System.Convert.ToInt64(field.GetRawConstantValue(), CultureInfo.InvariantCulture));

        var theirs = Evaluate(ours.Keys);

        var wrong = ours
            .Where(ours => theirs.TryGetValue(ours.Key, out long value) && value != ours.Value && !NotInHeaders.Contains(ours.Key))
            .Select(ours => $"{ours.Key} is {theirs[ours.Key]}, not {ours.Value}");
        Assert.Empty(wrong);
        Assert.True(theirs.Count > 700, $"only {theirs.Count} of {ours.Count} constants were found in the headers");
    }

    [Fact]
    public void Every_error_number_has_the_value_of_the_header()
    {
        Assert.SkipUnless(CCompiler.Exists, "needs a C compiler");
        string[] names = [.. Enum.GetNames<Errno>().Where(name => name != nameof(Errno.None))];

        var theirs = Evaluate(names);

        Assert.Equal(names.Length, theirs.Count);
        Assert.All(names, name => Assert.Equal(theirs[name], (long)Enum.Parse<Errno>(name)));
    }

    [Fact]
    public void Every_signal_and_limit_and_capability_has_the_number_of_the_header()
    {
        Assert.SkipUnless(CCompiler.Exists, "needs a C compiler");
        Dictionary<string, long> ours = [];
        for (Signal signal = Signal.HUP; signal <= Signal.SYS; signal++)
        {
            ours[SignalNames.NameOf(signal)] = (long)signal;
        }
        foreach (var limit in Enum.GetValues<ResourceLimit>())
        {
            ours[ResourceLimitNames.NameOf(limit)] = (long)limit;
        }
        foreach (var capability in CapabilityNames.All)
        {
            ours[CapabilityNames.NameOf(capability)] = (long)capability;
        }

        var theirs = Evaluate(ours.Keys);

        Assert.Equal(ours.Count, theirs.Count);
        Assert.All(ours, one => Assert.Equal(theirs[one.Key], one.Value));
    }

    /// <summary>A name the headers may lack is asked for as a weak question: a macro by <c>#ifdef</c>, an enumerator by whether a line with it compiles.</summary>
    private static Dictionary<string, long> Evaluate(IEnumerable<string> names)
    {
        List<string> all = [.. names];
        var known = Enumerators();
        var source = new StringBuilder(Headers.Text).Append("int main(void) {\n");
        foreach (string name in all)
        {
            string print = $"printf(\"{name} %lld\\n\", (long long)({name}));\n";
            source.Append(known.Contains(name) ? print : $"#ifdef {name}\n{print}#endif\n");
        }
        source.Append("return 0; }\n");
        return CCompiler.Run(source.ToString())
            .Select(line => line.Split(' '))
            .ToDictionary(words => words[0], words => long.Parse(words[1], CultureInfo.InvariantCulture));
    }

    /// <summary>Names that are enumerators, not macros, in headers as old as Linux 6.1.</summary>
    internal static HashSet<string> Enumerators() => [.. typeof(Kernel).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => field.Name)
        .Where(name => EnumeratorPrefixes.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal)) && !MacroNames.Contains(name))];

    private static readonly string[] EnumeratorPrefixes =
        ["IFLA_", "IFA_", "RTA_", "RTM_", "RTN_", "RT_SCOPE_", "RT_TABLE_", "NLMSGERR_", "FSCONFIG_", "VETH_INFO_", "BPF_PROG_", "BPF_CGROUP_DEVICE", "IOPRIO_CLASS_", "IOPRIO_WHO_", "CLD_", "LANDLOCK_RULE_",
        "NFTA_", "NFT_", "NFPROTO_", "NF_INET_", "IPS_", "MACVLAN_", "IN6_ADDR_GEN_", "IPPROTO_"];

    private static readonly string[] MacroNames = ["IFA_F_NODAD"];
}
