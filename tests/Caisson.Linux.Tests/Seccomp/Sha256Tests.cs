using System.Security.Cryptography;

using Caisson.Linux.Seccomp;

using Xunit;

namespace Caisson.Linux.Tests.Seccomp;

public sealed class Sha256Tests
{
    [Fact]
    public void Digests_are_those_of_the_platform()
    {
        var random = new Random(7);
        byte[] digest = new byte[Sha256.Size];
        for (int length = 0; length < 300; length++)
        {
            byte[] data = new byte[length];
            random.NextBytes(data);

            Sha256.Hash(data, digest);

            Assert.Equal(SHA256.HashData(data), digest);
        }
    }
}
