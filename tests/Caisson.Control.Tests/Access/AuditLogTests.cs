using System.Security.Cryptography;
using System.Text;

using Caisson.Control.Access;

using Xunit;

namespace Caisson.Control.Tests.Access;

/// <summary>The chain of the audit log: what somebody does to it shows, and where.</summary>
public sealed class AuditLogTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("caisson-audit-").FullName;

    private string Current => $"{_directory}/audit.log";

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Each_line_has_the_hash_of_the_one_before_as_other_tools_compute_it()
    {
        Write(3);

        string[] lines = File.ReadAllLines(Current);

        Assert.Contains($"\"prev\":\"{new string('0', 64)}\"", lines[0], StringComparison.Ordinal);
        Assert.Contains($"\"prev\":\"{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines[0])))}\"", lines[1], StringComparison.Ordinal);
        Assert.Contains($"\"prev\":\"{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines[1])))}\"", lines[2], StringComparison.Ordinal);
        Assert.Equal(new AuditCheck(3, null, ""), AuditLog.Verify(_directory));
    }

    [Theory]
    [InlineData(0, "audit.log:1")]
    [InlineData(2, "audit.log:3")]
    [InlineData(4, "audit.log:5")]
    public void A_line_that_was_changed_is_named(int changed, string broken)
    {
        Write(5);
        string[] lines = File.ReadAllLines(Current);
        lines[changed] = lines[changed].Replace("\"status\":200", "\"status\":204", StringComparison.Ordinal);
        File.WriteAllLines(Current, lines);

        AuditCheck check = AuditLog.Verify(_directory);

        Assert.Equal(broken, check.Broken);
        Assert.Contains("was changed", check.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_that_was_taken_out_put_in_or_cut_off_shows()
    {
        Write(5);
        string[] lines = File.ReadAllLines(Current);

        File.WriteAllLines(Current, [.. lines[..2], .. lines[3..]]);
        AuditCheck taken = AuditLog.Verify(_directory);
        File.WriteAllLines(Current, [.. lines[..2], lines[1], .. lines[2..]]);
        AuditCheck doubled = AuditLog.Verify(_directory);
        File.WriteAllLines(Current, lines[..4]);
        AuditCheck cut = AuditLog.Verify(_directory);
        File.WriteAllLines(Current, [.. lines, "{\"n\":6}"]);
        AuditCheck foreign = AuditLog.Verify(_directory);

        Assert.Equal("audit.log:3", taken.Broken);
        Assert.Equal("audit.log:3", doubled.Broken);
        Assert.Equal("audit.log:4", cut.Broken);
        Assert.Contains("the log ends with entry 4, and 5 were written", cut.Reason, StringComparison.Ordinal);
        Assert.Equal("audit.log:6", foreign.Broken);
    }

    [Fact]
    public void The_chain_goes_on_over_files_and_over_engines()
    {
        using (var log = AuditLog.Open(_directory, TimeProvider.System, fileBytesMax: 1_000))
        {
            Fill(log, 20);
        }
        using (var log = AuditLog.Open(_directory, TimeProvider.System, fileBytesMax: 1_000))
        {
            Fill(log, 20);
            Assert.Equal(new AuditCheck(40, null, ""), log.Verify());
            Assert.Equal(40, log.Read(null, 1_000).Count);
            Assert.Equal(7, log.Read(null, 7).Count);
        }
        string[] files = [.. Directory.GetFiles(_directory, "audit-*.log").Order(StringComparer.Ordinal)];
        Assert.True(files.Length > 3);
        string[] lines = File.ReadAllLines(files[1]);
        File.WriteAllLines(files[1], [.. lines[..^1], lines[^1].Replace("ci", "me", StringComparison.Ordinal)]);

        AuditCheck check = AuditLog.Verify(_directory);

        Assert.Equal($"{Path.GetFileName(files[1])}:{lines.Length}", check.Broken);
    }

    [Fact]
    public void What_a_power_cut_left_of_a_line_is_said_and_the_chain_holds()
    {
        Write(3);
        File.AppendAllText(Current, "{\"n\":4,\"ti");

        using var log = AuditLog.Open(_directory, TimeProvider.System);

        Assert.Null(log.Verify().Broken);
        Assert.Contains("10 bytes of an entry", File.ReadAllLines(Current)[3], StringComparison.Ordinal);
    }

    [Fact]
    public void Lines_that_are_gone_when_an_engine_starts_are_said()
    {
        Write(5);
        File.WriteAllLines(Current, File.ReadAllLines(Current)[..3]);

        using var log = AuditLog.Open(_directory, TimeProvider.System);

        Assert.Contains("the last line was 5", File.ReadAllLines(Current)[3], StringComparison.Ordinal);
    }

    private static void Fill(AuditLog log, int count)
    {
        for (int i = 0; i < count; i++)
        {
            log.Append(new("ci", "token", "create containers", "", "POST", "/containers/create", 200));
        }
    }

    private void Write(int count)
    {
        using var log = AuditLog.Open(_directory, TimeProvider.System);
        Fill(log, count);
    }
}
