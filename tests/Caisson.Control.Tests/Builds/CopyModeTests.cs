using Caisson.Control.Builds;

using Xunit;

namespace Caisson.Control.Tests.Builds;

public sealed class CopyModeTests
{
    [Theory]
    [InlineData("755", 0x1A4, false, 0x1ED)]
    [InlineData("4711", 0x1A4, false, 0x9C9)]
    [InlineData("u=rwX,go=rX", 0x180, false, 0x1A4)]
    [InlineData("u=rwX,go=rX", 0x1C0, true, 0x1ED)]
    [InlineData("a+x", 0x1A4, false, 0x1ED)]
    [InlineData("+x", 0x1A4, false, 0x1ED)]
    [InlineData("go-rwx", 0x1ED, false, 0x1C0)]
    [InlineData("u+s", 0x1ED, false, 0x9ED)]
    public void Octal_and_symbolic_modes_are_understood(string text, int mode, bool directory, int expected)
    {
        Assert.True(CopyMode.IsValid(text));

        Assert.Equal(expected, CopyMode.Apply(text, mode, directory));
    }

    [Theory]
    [InlineData("")]
    [InlineData("799")]
    [InlineData("x+w")]
    [InlineData("u=q")]
    [InlineData("123456")]
    public void Anything_else_is_no_mode(string text) => Assert.False(CopyMode.IsValid(text));
}
