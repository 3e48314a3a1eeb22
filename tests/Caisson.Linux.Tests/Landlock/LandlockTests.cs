using Xunit;

namespace Caisson.Linux.Tests.Landlock;

public sealed class LandlockTests
{
    // Nothing may be loaded on the restricted thread: an assembly that could not be opened there stays missing for the
    // whole process. So both paths are walked once before, and what was seen is asserted after.
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

        byte[] allowed = [];
        Errno? denied = null;
        OwnThread.Run(() =>
        {
            ruleset.RestrictThisThread();
            allowed = HostFiles.Read(inside);
            try
            {
                HostFiles.Read(outside);
            }
            catch (LinuxException fault)
            {
                denied = fault.Errno;
            }
        });

        Assert.Equal("x"u8.ToArray(), allowed);
        Assert.Equal(Errno.EACCES, denied);
        Assert.Equal("y"u8.ToArray(), HostFiles.Read(outside));
    }
}
