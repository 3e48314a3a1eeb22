using Caisson.Errors;
using Xunit;

namespace Caisson.Linux.Tests.Cgroups;

public sealed class DeviceAccessTests
{
    private const FileKind Char = FileKind.CharacterDevice;

    [Fact]
    public void No_rules_deny_everything()
    {
        Assert.Equal(["devices.deny a"], Settings([]));
    }

    [Fact]
    public void Rules_of_one_device_are_joined_and_a_rule_for_all_resets()
    {
        Assert.Equal(
            ["devices.deny a", "devices.allow c 1:3 rw", "devices.allow b *:* m"],
            Settings([
                new(true, Char, 9, 9, DevicePermissions.All),
                new(false, FileKind.Unknown, null, null, DevicePermissions.All),
                new(true, Char, 1, 3, DevicePermissions.Read),
                new(true, Char, 1, 3, DevicePermissions.Write | DevicePermissions.MakeNode),
                new(true, FileKind.BlockDevice, null, null, DevicePermissions.MakeNode),
                new(false, Char, 1, 3, DevicePermissions.MakeNode),
            ]));
    }

    [Fact]
    public void A_hole_in_a_wildcard_is_refused_instead_of_forgotten()
    {
        var e = Assert.Throws<CaissonException>(() => DeviceAccess.Compile([
            new(true, Char, 1, null, DevicePermissions.All),
            new(false, Char, 1, 1, DevicePermissions.Read),
        ]));

        Assert.Equal(ErrorKind.InvalidArgument, e.Kind);
        Assert.Contains("c 1:1 r", e.Message);
    }

    private static IEnumerable<string> Settings(DeviceRule[] rules) =>
        DeviceAccess.Compile(rules).ToSettings().Select(setting => $"{setting.File} {setting.Value}");
}
