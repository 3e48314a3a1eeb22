using Caisson.Errors;
using Xunit;

namespace Caisson.Linux.Tests.Paths;

public sealed class PathTextTests
{
    [Theory]
    [InlineData(new byte[] { })]
    [InlineData(new byte[] { 0xFF })]
    [InlineData(new byte[] { 0x61, 0xE4, 0x62 })]
    [InlineData(new byte[] { 0xE2, 0x82 })]
    [InlineData(new byte[] { 0xED, 0xB2, 0x80 })]
    [InlineData(new byte[] { 0xC3, 0xA4, 0x80, 0xF0, 0x9F, 0x98, 0x80, 0xFE })]
    public void Any_bytes_survive_the_way_through_a_string(byte[] name)
    {
        string text = PathText.Decode(name);

        Assert.Equal(name, PathText.Encode(text));
    }

    [Fact]
    public void Random_bytes_survive_the_way_through_a_string()
    {
        var random = new Random(1);
        for (int i = 0; i < 2000; i++)
        {
            byte[] name = new byte[random.Next(1, 700)];
            random.NextBytes(name);
            name.AsSpan().Replace((byte)0, (byte)'z');

            Assert.Equal(name, PathText.Encode(PathText.Decode(name)));
        }
    }

    [Fact]
    public void What_no_file_can_be_called_is_refused()
    {
        foreach (string name in (string[])["a\0b", "a\uD800b", "\uDCFF\uD800"])
        {
            var e = Assert.Throws<CaissonException>(() => PathText.Encode(name));

            Assert.Equal(ErrorKind.InvalidArgument, e.Kind);
        }
    }
}
