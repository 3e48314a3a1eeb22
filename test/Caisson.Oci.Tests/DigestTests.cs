using System.Security.Cryptography;
using Xunit;

namespace Caisson.Oci.Tests;

public sealed class DigestTests
{
    private const string Empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    [Fact]
    public void A_digest_of_a_hash_reads_back_as_the_same_value()
    {
        var digest = Digest.FromSha256(SHA256.HashData([]));

        Assert.True(Digest.TryParse(Empty, out var parsed));
        Assert.Equal(digest, parsed);
        Assert.Equal(("sha256", Empty[7..]), (digest.Algorithm, digest.Hex));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("sha256:")]
    [InlineData("sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855")]
    [InlineData("sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [InlineData("md5:d41d8cd98f00b204e9800998ecf8427e")]
    [InlineData("sha256:../../../../../../../../../../../../../../../../../../../etc/passwd")]
    public void Anything_else_is_no_digest(string? text) => Assert.False(Digest.TryParse(text, out _));
}
