using Caisson.Compose.Loading;

using Xunit;

namespace Caisson.Compose.Tests;

public sealed class InterpolationTests
{
    private readonly Interpolation _interpolation = new(name => name switch
    {
        "SET" => "value",
        "EMPTY" => "",
        "OTHER" => "other",
        _ => null,
    });

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("$SET", "value")]
    [InlineData("${SET}", "value")]
    [InlineData("a${SET}b$OTHER", "avaluebother")]
    [InlineData("${UNSET:-default}", "default")]
    [InlineData("${EMPTY:-default}", "default")]
    [InlineData("${UNSET-default}", "default")]
    [InlineData("${EMPTY-default}", "")]
    [InlineData("${SET:-default}", "value")]
    [InlineData("${SET:+there}", "there")]
    [InlineData("${EMPTY:+there}", "")]
    [InlineData("${EMPTY+there}", "there")]
    [InlineData("${UNSET+there}", "")]
    [InlineData("${SET:?needed}", "value")]
    [InlineData("${EMPTY?needed}", "")]
    [InlineData("${UNSET:-${OTHER}}", "other")]
    [InlineData("${UNSET:-${ALSO_UNSET:-deep}}", "deep")]
    [InlineData("${UNSET:-a:-b}", "a:-b")]
    [InlineData("${UNSET:-http://x:80/?a=b}", "http://x:80/?a=b")]
    [InlineData("$$SET", "$SET")]
    [InlineData("$${SET}", "${SET}")]
    [InlineData("costs 5$", "costs 5$")]
    [InlineData("$5 and $-", "$5 and $-")]
    [InlineData("${UNSET}", "")]
    public void Variables_are_put_in_as_the_specification_has_it(string text, string expected)
    {
        string actual = _interpolation.Apply(text);

        Assert.Equal(expected, actual);
    }

    [Theory]
    [InlineData("${UNSET:?give one}", "required variable UNSET is missing a value: give one")]
    [InlineData("${EMPTY:?give one}", "required variable EMPTY is missing a value: give one")]
    [InlineData("${UNSET?}", "required variable UNSET is missing a value")]
    [InlineData("${UNSET:?$OTHER}", "required variable UNSET is missing a value: other")]
    public void A_required_variable_without_a_value_says_why(string text, string expected)
    {
        var error = Assert.Throws<FormatException>(() => _interpolation.Apply(text));

        Assert.Equal(expected, error.Message);
    }

    [Theory]
    [InlineData("${SET")]
    [InlineData("${}")]
    [InlineData("${1SET}")]
    [InlineData("${SET/a/b}")]
    [InlineData("${SET:}")]
    public void What_is_no_variable_is_refused(string text)
    {
        Assert.Throws<FormatException>(() => _interpolation.Apply(text));
    }

    [Fact]
    public void Variables_without_value_and_default_are_remembered()
    {
        _interpolation.Apply("$ONE ${TWO} ${THREE:-x} $SET");

        Assert.Equal(["ONE", "TWO"], _interpolation.Missing);
    }

    [Fact]
    public void The_variables_of_a_text_are_found_with_their_defaults()
    {
        var found = Interpolation.Variables("$A ${B:-b} $$C ${D:-${E:-e}}");

        Assert.Equal([("A", ""), ("B", "b"), ("D", "${E:-e}"), ("E", "e")], found);
    }
}
