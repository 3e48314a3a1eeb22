using System.Diagnostics;

using Caisson.Scan.Versions;

using Xunit;

namespace Caisson.Scan.Tests;

public sealed class VersionTests
{
    private static readonly char[] Alphabet = [.. "0129abz.+~-:"];

    [Theory]
    [InlineData("1.0", "=", "1.0-0")]
    [InlineData("1.0", "=", "0:1.0")]
    [InlineData("1.0~rc1", "<", "1.0")]
    [InlineData("1.0~~", "<", "1.0~")]
    [InlineData("1.0a", ">", "1.0")]
    [InlineData("1.0+b1", ">", "1.0a")]
    [InlineData("1:0.1", ">", "9")]
    [InlineData("3.0.17-1~deb12u2", "<", "3.0.17-1~deb12u3")]
    [InlineData("1.00000000000000000000000000000001", "<", "1.2")]
    [InlineData("2.36-9+deb12u10", ">", "2.36-9+deb12u9")]
    [InlineData("1.0-1-2", ">", "1.0-1")]
    public void Debian_versions_are_ordered(string a, string relation, string b) => Check(DpkgVersion.Compare, a, relation, b);

    [Fact]
    public void Debian_versions_are_ordered_as_dpkg_does()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/dpkg"), "dpkg is not installed");
        var random = new Random(20_26);
        List<(string A, string B)> pairs = [];
        while (pairs.Count < 1000)
        {
            string a = RandomVersion(random);
            pairs.Add((a, random.Next(3) == 0 ? Changed(random, a) : RandomVersion(random)));
        }
        string script = string.Join('\n', pairs.Select(pair =>
            $"if dpkg --compare-versions '{pair.A}' lt '{pair.B}'; then echo -1; elif dpkg --compare-versions '{pair.A}' eq '{pair.B}'; then echo 0; else echo 1; fi"));

        string[] expected = Run(script).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.Equal(pairs.Count, expected.Length);
        for (int i = 0; i < pairs.Count; i++)
        {
            Assert.True(
                expected[i] == Math.Sign(DpkgVersion.Compare(pairs[i].A, pairs[i].B)).ToString(System.Globalization.CultureInfo.InvariantCulture),
                $"{pairs[i].A} and {pairs[i].B}: dpkg says {expected[i]}");
        }
    }

    [Theory]
    [InlineData("1.0", "=", "1.0")]
    [InlineData("1.0", "<", "2.0")]
    [InlineData("2.0.1", ">", "2.0")]
    [InlineData("2.0.1a", ">", "2.0.1")]
    [InlineData("5.5p1", "<", "5.5p2")]
    [InlineData("5.5p10", ">", "5.5p1")]
    [InlineData("10xyz", "<", "10.1xyz")]
    [InlineData("xyz10", "<", "xyz10.1")]
    [InlineData("xyz.4", "<", "8")]
    [InlineData("5.5p2", "<", "5.6p1")]
    [InlineData("6.0.rc1", ">", "6.0")]
    [InlineData("10b2", ">", "10a1")]
    [InlineData("1.0aa", ">", "1.0a")]
    [InlineData("10.0001", "=", "10.1")]
    [InlineData("4.999.9", "<", "5.0")]
    [InlineData("20101121", "<", "20101122")]
    [InlineData("2_0", "=", "2.0")]
    [InlineData("a+", "=", "a_")]
    [InlineData("1.0~rc1", "<", "1.0")]
    [InlineData("1.0~rc1~git123", "<", "1.0~rc1")]
    [InlineData("1.0^", ">", "1.0")]
    [InlineData("1.0^git1", "<", "1.01")]
    [InlineData("1.0^20160101", "<", "1.0.1")]
    [InlineData("1.0^20160101^git1", ">", "1.0^20160101")]
    [InlineData("1.0~rc1^git1", ">", "1.0~rc1")]
    [InlineData("1.0^git1~pre", "<", "1.0^git1")]
    [InlineData("1:1.0-1", ">", "2.0-1")]
    [InlineData("1.0-1.el9", "<", "1.0-2.el9")]
    [InlineData("1.0", "=", "1.0-5")]
    public void Rpm_versions_are_ordered(string a, string relation, string b) => Check(RpmVersion.Compare, a, relation, b);

    [Theory]
    [InlineData("2.34", ">", "0.1.0_alpha")]
    [InlineData("0.1.0_alpha", "<", "0.1.2_alpha")]
    [InlineData("0.1.0_alpha", "<", "0.1.0_beta")]
    [InlineData("0.1.0_rc1", "<", "0.1.0")]
    [InlineData("0.1.0_p1", ">", "0.1.0")]
    [InlineData("0.1.0_p1", "<", "0.1.0_p10")]
    [InlineData("1.0_p10-r0", ">", "1.0_p9-r5")]
    [InlineData("1.2.3-r10", ">", "1.2.3-r9")]
    [InlineData("1.2.3", "<", "1.2.3-r0")]
    [InlineData("1.2.3a", ">", "1.2.3")]
    [InlineData("1.2.3a", "<", "1.2.3b")]
    [InlineData("1.2.3a", "<", "1.2.3.1")]
    [InlineData("6.6.2p1", "<", "6.6.2p2")]
    [InlineData("5.9.2p1-r1", "<", "5.9.2p1-r2")]
    [InlineData("0.12", "<", "0.100")]
    [InlineData("0.005", "<", "0.006")]
    [InlineData("0.05", "<", "0.5")]
    [InlineData("01.5", "=", "1.5")]
    [InlineData("3.0_pre1", "<", "3.0_rc1")]
    [InlineData("3.0_git20200101", ">", "3.0")]
    [InlineData("3.0_git20200101", "<", "3.0_p1")]
    [InlineData("1.0_alpha_pre2", "<", "1.0_alpha2")]
    [InlineData("1.0.4_p20-r1", ">", "1.0.4_p20")]
    public void Alpine_versions_are_ordered(string a, string relation, string b) => Check(ApkVersion.Compare, a, relation, b);

    [Theory]
    [InlineData("1.0.0-alpha", "<", "1.0.0-alpha.1")]
    [InlineData("1.0.0-alpha.1", "<", "1.0.0-alpha.beta")]
    [InlineData("1.0.0-beta.2", "<", "1.0.0-beta.11")]
    [InlineData("1.0.0-rc.1", "<", "1.0.0")]
    [InlineData("1.0.0+a", "=", "1.0.0+b")]
    [InlineData("v1.2.3", "=", "1.2.3")]
    [InlineData("1.2", "=", "1.2.0")]
    [InlineData("1.2.3.4", ">", "1.2.3")]
    [InlineData("v0.0.0-20200101000000-abcdefabcdef", "<", "v0.0.0-20210101000000-abcdefabcdef")]
    [InlineData("99999999999999999999.0.0", ">", "99999999999999999998.0.0")]
    public void Semantic_versions_are_ordered(string a, string relation, string b) => Check(SemanticVersion.Compare, a, relation, b);

    [Theory]
    [InlineData("1.0.dev1", "<", "1.0a1")]
    [InlineData("1.0a1", "<", "1.0b1")]
    [InlineData("1.0rc1", "<", "1.0")]
    [InlineData("1.0", "=", "1.0.0")]
    [InlineData("1.0.post1", ">", "1.0")]
    [InlineData("1.0.post1.dev1", "<", "1.0.post1")]
    [InlineData("1!0.1", ">", "9.0")]
    [InlineData("1.0+local.2", "<", "1.0+local.10")]
    [InlineData("1.0-1", "=", "1.0.post1")]
    [InlineData("1.0a1.dev1", "<", "1.0a1")]
    public void Python_versions_are_ordered(string a, string relation, string b) => Check(PythonVersion.Compare, a, relation, b);

    [Theory]
    [InlineData("1.0.a", "<", "1.0")]
    [InlineData("1.0.0", "=", "1")]
    [InlineData("1.0.0-rc1", "<", "1.0.0")]
    [InlineData("1.10", ">", "1.9")]
    public void Ruby_versions_are_ordered(string a, string relation, string b) => Check(GemVersion.Compare, a, relation, b);

    [Theory]
    [InlineData("1-alpha", "<", "1-beta")]
    [InlineData("1.0-SNAPSHOT", "<", "1.0")]
    [InlineData("1.0-rc1", "<", "1.0")]
    [InlineData("1.0-ga", "=", "1.0")]
    [InlineData("1.0-sp", ">", "1.0")]
    [InlineData("1.0.0", "=", "1")]
    [InlineData("1.0a1", "=", "1.0-alpha-1")]
    [InlineData("1.1", ">", "1-1")]
    [InlineData("31.0.1-jre", ">", "31.0.1-android")]
    [InlineData("2.17.1", ">", "2.9.10.8")]
    public void Maven_versions_are_ordered(string a, string relation, string b) => Check(MavenVersion.Compare, a, relation, b);

    [Fact]
    public void Every_order_is_one()
    {
        Comparison<string>[] orders = [DpkgVersion.Compare, RpmVersion.Compare, ApkVersion.Compare, SemanticVersion.Compare, GemVersion.Compare];
        var random = new Random(7);
        for (int i = 0; i < 20_000; i++)
        {
            string a = RandomVersion(random);
            string b = Changed(random, a);
            string c = Changed(random, b);
            foreach (Comparison<string> order in orders)
            {
                Assert.True(order(a, a) == 0, $"{order.Method.DeclaringType!.Name}: {a}");
                Assert.True(Math.Sign(order(a, b)) == -Math.Sign(order(b, a)), $"{order.Method.DeclaringType!.Name}: {a} {b}");
                if (order(a, b) <= 0 && order(b, c) <= 0 && order != ApkVersion.Compare && order != RpmVersion.Compare)
                {
                    Assert.True(order(a, c) <= 0, $"{order.Method.DeclaringType!.Name}: {a} {b} {c}");
                }
            }
        }
    }

    private static void Check(Comparison<string> order, string a, string relation, string b)
    {
        int expected = relation switch { "<" => -1, ">" => 1, _ => 0 };

        Assert.Equal(expected, Math.Sign(order(a, b)));
        Assert.Equal(-expected, Math.Sign(order(b, a)));
    }

    /// <summary>What dpkg takes as a version: it starts with a digit, and nothing odd stands where it may not.</summary>
    private static string RandomVersion(Random random)
    {
        string upstream = random.Next(10).ToString(System.Globalization.CultureInfo.InvariantCulture)
            + string.Concat(Enumerable.Range(0, random.Next(8)).Select(_ => Alphabet[random.Next(Alphabet.Length - 2)]));
        string revision = random.Next(2) == 0 ? "" : "-" + random.Next(10) + string.Concat(Enumerable.Range(0, random.Next(4)).Select(_ => Alphabet[random.Next(Alphabet.Length - 2)]));
        return (random.Next(6) == 0 ? $"{random.Next(3)}:" : "") + upstream + revision;
    }

    private static string Changed(Random random, string version)
    {
        int at = random.Next(version.Length + 1);
        char c = Alphabet[random.Next(Alphabet.Length - 2)];
        return at == 0 || version.AsSpan(0, at).Contains(':') != version.Contains(':', StringComparison.Ordinal)
            ? version + c
            : version.Insert(at, c.ToString());
    }

    private static string Run(string script)
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/sh") { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        process.StandardInput.Write(script);
        process.StandardInput.Close();
        process.WaitForExit();
        return output.Result;
    }
}
