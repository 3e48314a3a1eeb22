using Caisson.Errors;

using Xunit;

namespace Caisson.Oci.Tests.Image;

public sealed class ReferenceTests
{
    private const string Hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    [Theory]
    [InlineData("busybox", "docker.io/library/busybox:latest", "busybox:latest")]
    [InlineData("busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36")]
    [InlineData("docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest")]
    [InlineData("index.docker.io/library/busybox", "docker.io/library/busybox:latest", "busybox:latest")]
    [InlineData("user/name", "docker.io/user/name:latest", "user/name:latest")]
    [InlineData("library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest")]
    [InlineData("localhost/name", "localhost/name:latest", "localhost/name:latest")]
    [InlineData("localhost:5000/name:t", "localhost:5000/name:t", "localhost:5000/name:t")]
    [InlineData("ghcr.io/a/b_c/d--e:V.1-x", "ghcr.io/a/b_c/d--e:V.1-x", "ghcr.io/a/b_c/d--e:V.1-x")]
    [InlineData("[::1]:5000/name", "[::1]:5000/name:latest", "[::1]:5000/name:latest")]
    [InlineData("HOST/name", "HOST/name:latest", "HOST/name:latest")]
    [InlineData("a@sha256:" + Hex, "docker.io/library/a@sha256:" + Hex, "a@sha256:" + Hex)]
    [InlineData("a:t@sha256:" + Hex, "docker.io/library/a:t@sha256:" + Hex, "a:t@sha256:" + Hex)]
    public void A_name_is_normalised_as_docker_does(string text, string full, string familiar)
    {
        Reference reference = Reference.Parse(text).WithDefaultTag();

        Assert.Equal(full, reference.ToString());
        Assert.Equal(familiar, reference.Familiar);
        Assert.Equal(reference, Reference.Parse(full));
        Assert.Equal(reference, Reference.Parse(familiar).WithDefaultTag());
    }

    [Theory]
    [InlineData("")]
    [InlineData(":")]
    [InlineData(":tag")]
    [InlineData("name:")]
    [InlineData("name:.t")]
    [InlineData("name:t/u")]
    [InlineData("name@")]
    [InlineData("name@sha256:abc")]
    [InlineData("name@md5:00000000000000000000000000000000")]
    [InlineData("Name")]
    [InlineData("a//b")]
    [InlineData("/a")]
    [InlineData("a/")]
    [InlineData("../a")]
    [InlineData("a/../b")]
    [InlineData("a..b")]
    [InlineData("a___b")]
    [InlineData("-a")]
    [InlineData("a-")]
    [InlineData("host:70000/a")]
    [InlineData("-host.x/a")]
    [InlineData("a b")]
    [InlineData("a\nb")]
    [InlineData("é")]
    [InlineData(Hex)]
    public void What_is_no_name_is_refused(string text) =>
        Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<CaissonException>(() => Reference.Parse(text)).Kind);

    [Fact]
    public void A_name_that_is_too_long_is_refused()
    {
        Assert.False(Reference.TryParse(new string('a', 256), out _));
        Assert.False(Reference.TryParse("a:" + new string('t', 129), out _));
        Assert.True(Reference.TryParse("a:" + new string('t', 128), out _));
    }
}
