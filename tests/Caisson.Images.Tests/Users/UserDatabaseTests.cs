using Caisson.Errors;
using Caisson.Images.Users;
using Caisson.Linux;

using Xunit;

namespace Caisson.Images.Tests.Users;

public sealed class UserDatabaseTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public UserDatabaseTests()
    {
        Directory.CreateDirectory(_directory["etc"]);
        File.WriteAllText(_directory["etc/passwd"],
            "root:x:0:0:root:/root:/bin/sh\nweb:x:33:44:web:/srv/web:/bin/sh\n\nbroken\n4294967296:x:0:0::/:\n+::::::\nbig:x:4294967296:0::/:\nhome:x:7:8::relative:\n");
        File.WriteAllText(_directory["etc/group"], "root:x:0:\nwww:x:44:\nextra:x:50:other,web\nmore:x:51:web\nbad:x:-1:web\n");
    }

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(null, 0, 0, "0", "/root", "root")]
    [InlineData("", 0, 0, "0", "/root", "root")]
    [InlineData("web", 33, 44, "44 50 51", "/srv/web", "web")]
    [InlineData("33", 33, 44, "44 50 51", "/srv/web", "web")]
    [InlineData("web:extra", 33, 50, "50", "/srv/web", "web")]
    [InlineData("web:77", 33, 77, "77", "/srv/web", "web")]
    [InlineData("1000", 1000, 0, "0", "/", null)]
    [InlineData("1000:1001", 1000, 1001, "1001", "/", null)]
    [InlineData(":50", 0, 50, "50", "/root", "root")]
    [InlineData("4294967294", 4294967294, 0, "0", "/", null)]
    [InlineData("home", 7, 8, "8", "/", "home")]
    public void A_user_is_found_by_name_or_number(string? user, uint uid, uint gid, string groups, string home, string? name)
    {
        ResolvedUser resolved = Resolve(user);

        Assert.Equal((uid, gid, home, name), (resolved.Uid, resolved.Gid, resolved.Home, resolved.Name));
        Assert.Equal(groups, string.Join(' ', resolved.AdditionalGids));
    }

    [Theory]
    [InlineData("4294967295")]
    [InlineData("4294967296")]
    [InlineData("18446744073709551616")]
    [InlineData("-1")]
    [InlineData("+0")]
    [InlineData("0x0")]
    [InlineData("1e3")]
    [InlineData(" 0")]
    [InlineData("0 ")]
    [InlineData("\u0660")]
    [InlineData("1000:4294967295")]
    [InlineData("1000:-1")]
    [InlineData("big")]
    [InlineData("nobody-here")]
    [InlineData("web:nothing")]
    [InlineData("a:b:c")]
    [InlineData("we\nb")]
    public void What_only_looks_like_a_user_is_an_error_and_never_root(string user) =>
        Assert.True(Assert.Throws<CaissonException>(() => Resolve(user)).Kind is ErrorKind.InvalidArgument or ErrorKind.NotFound);

    [Fact]
    public void Added_groups_join_the_others() => Assert.Equal([44u, 50, 51, 99], Resolve("web", "99", "more").AdditionalGids);

    [Fact]
    public void An_image_without_accounts_has_numbers()
    {
        Directory.Delete(_directory["etc"], recursive: true);

        Assert.Equal((0u, 0u, "/"), (Resolve(null).Uid, Resolve(null).Gid, Resolve(null).Home));
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<CaissonException>(() => Resolve("web")).Kind);
    }

    [Theory]
    [InlineData("mkfifo etc/passwd")]
    [InlineData("mknod etc/passwd c 1 5")]
    [InlineData("mkdir etc/passwd")]
    [InlineData("truncate -s 4G etc/passwd")]
    [InlineData("ln -s passwd etc/passwd")]
    public void A_hostile_passwd_is_an_error_at_once(string make)
    {
        Shell.Run("rm etc/passwd; " + make, _directory.Path);

        Assert.ThrowsAny<CaissonException>(() => Resolve("web"));
    }

    [Fact]
    public void A_link_is_followed_inside_the_root_only()
    {
        Shell.Run("rm etc/passwd; ln -s /../../../etc/passwd etc/passwd", _directory.Path);
        Assert.ThrowsAny<CaissonException>(() => Resolve("root"));

        Shell.Run("mkdir -p usr/lib; echo 'web:x:5:6::/:' > usr/lib/passwd; rm etc/passwd; ln -s /usr/lib/passwd etc/passwd", _directory.Path);
        Assert.Equal(5u, Resolve("web").Uid);
    }

    private ResolvedUser Resolve(string? user, params string[] groups)
    {
        using RootDirectory root = RootDirectory.Open(_directory.Path);
        return new UserDatabase(root).Resolve(user, groups);
    }
}
