using Caisson.Build.Expansion;

using Xunit;

namespace Caisson.Build.Tests;

public sealed class ShellWordsTests
{
    private static readonly Dictionary<string, string> Variables = new() { ["a"] = "one", ["empty"] = "", ["path"] = "/usr/local/lib.tar.gz", ["two"] = "x y" };

    [Theory]
    [InlineData("$a", "one")]
    [InlineData("${a}b", "oneb")]
    [InlineData("$ab", "")]
    [InlineData("\\$a", "$a")]
    [InlineData("'$a'", "$a")]
    [InlineData("\"$a b\"", "one b")]
    [InlineData("\"\\$a \\n\"", "$a \\n")]
    [InlineData("${none:-x}", "x")]
    [InlineData("${empty:-x}", "x")]
    [InlineData("${empty-x}", "")]
    [InlineData("${a:+x}", "x")]
    [InlineData("${empty:+x}", "")]
    [InlineData("${none:-${a}}", "one")]
    [InlineData("${path#*/}", "usr/local/lib.tar.gz")]
    [InlineData("${path##*/}", "lib.tar.gz")]
    [InlineData("${path%.*}", "/usr/local/lib.tar")]
    [InlineData("${path%%.*}", "/usr/local/lib")]
    [InlineData("${path/l/L}", "/usr/Local/lib.tar.gz")]
    [InlineData("${path//l/L}", "/usr/LocaL/Lib.tar.gz")]
    [InlineData("100%", "100%")]
    [InlineData("$", "$")]
    public void Variables_quotes_and_escapes_are_read_as_documented(string text, string expected)
    {
        string result = new ShellWords().Expand(text, name => Variables.GetValueOrDefault(name), out string? fault);

        Assert.Null(fault);
        Assert.Equal(expected, result);
    }

    [Theory]
    [InlineData("'open")]
    [InlineData("\"open")]
    [InlineData("${a")]
    [InlineData("${}")]
    [InlineData("${a!x}")]
    [InlineData("${none:?is needed}")]
    public void What_cannot_be_read_is_a_fault(string text)
    {
        _ = new ShellWords().Expand(text, name => Variables.GetValueOrDefault(name), out string? fault);

        Assert.NotNull(fault);
    }

    [Fact]
    public void Blanks_out_of_variables_divide_words_and_those_in_quotes_do_not()
    {
        IReadOnlyList<string> words = new ShellWords().Split("$two \"$two\" 'a b'", name => Variables.GetValueOrDefault(name), out _);

        Assert.Equal(["x", "y", "x y", "a b"], words);
    }
}
