using Xunit;

namespace Caisson.Linux.Tests.Landlock;

public sealed class LandlockTests
{
    [Fact]
    public void What_is_not_allowed_is_denied_to_the_thread_alone()
    {
        Assert.SkipWhen(LandlockRuleset.Version == 0, "needs Landlock");
        using var temporary = new TemporaryDirectory();
        temporary.Make("open");
        string inside = temporary.Write("open/f", "x");
        string outside = temporary.Write("g", "y");
        using var ruleset = LandlockRuleset.Create(LandlockRuleset.AccessOf(LandlockRuleset.Version));
        using var open = HostFiles.OpenPath($"{temporary.Path}/open");
        using var file = HostFiles.OpenPath(inside);
        ruleset.Allow(open, LandlockAccess.ReadFile | LandlockAccess.ReadDirectory).Allow(file, LandlockAccess.ReadFile | LandlockAccess.ReadDirectory);

        OwnThread.Run(() =>
        {
            ruleset.RestrictThisThread();
            Assert.Equal("x"u8.ToArray(), HostFiles.Read(inside));
            Assert.Equal(Errno.EACCES, Assert.Throws<LinuxException>(() => HostFiles.Read(outside)).Errno);
        });

        Assert.Equal("y"u8.ToArray(), HostFiles.Read(outside));
    }
}
