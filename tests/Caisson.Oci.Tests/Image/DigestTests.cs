using Xunit;

namespace Caisson.Oci.Tests.Image;

public sealed class DigestTests
{
    [Fact]
    public void A_digest_names_content()
    {
        Digest digest = Digest.Of("hello"u8);

        Assert.Equal("sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", digest.ToString());
        Assert.Equal(("sha256", "2cf24dba5fb0"), (digest.Algorithm, digest.Short));
        Assert.Equal(digest, Digest.Parse(digest.ToString()));
        using var hash = digest.CreateHash();
        hash.AppendData("hello"u8);
        Assert.True(digest.Matches(hash.GetHashAndReset()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("sha256:")]
    [InlineData("sha256:../../../../../../../../../../../../../../../../../../../../etc/pw")]
    [InlineData("sha256:2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824")]
    [InlineData("sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b982")]
    [InlineData("sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b98244")]
    [InlineData("sha512:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")]
    [InlineData("md5:5d41402abc4b2a76b9719d911017c592")]
    [InlineData("SHA256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")]
    public void Anything_else_is_no_digest(string text) => Assert.False(Digest.TryParse(text, out _));

    [Fact]
    public void Sha512_is_a_digest_too() => Assert.Equal(128, Digest.Parse("sha512:" + new string('a', 128)).Hex.Length);

    [Fact]
    public void The_default_value_names_nothing()
    {
        Assert.True(default(Digest).IsEmpty);
        Assert.Equal("", default(Digest).ToString());
    }
}
