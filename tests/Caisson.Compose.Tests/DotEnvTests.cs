using Caisson.Compose.Loading;
using Caisson.Errors;

using Xunit;

namespace Caisson.Compose.Tests;

public sealed class DotEnvTests
{
    private readonly List<Problem> _problems = [];

    [Theory]
    [InlineData("A=1", "1")]
    [InlineData("A = 1 ", "1")]
    [InlineData("export A=1", "1")]
    [InlineData("A: 1", "1")]
    [InlineData("A=", "")]
    [InlineData("A=a b # comment", "a b")]
    [InlineData("A=a#b", "a#b")]
    [InlineData("A='$HOST # x'", "$HOST # x")]
    [InlineData("A=\"a\\nb\"", "a\nb")]
    [InlineData("A=\"$HOST\"", "outside")]
    [InlineData("A=${HOST:-x}${NONE:-y}", "outsidey")]
    [InlineData("A=\"\\$HOST\"", "$HOST")]
    [InlineData("B=2\nA=${B}1", "21")]
    [InlineData("A='one\ntwo'", "one\ntwo")]
    [InlineData("# comment\n\nA=1\r\n", "1")]
    [InlineData("HOST=inside\nA=$HOST", "outside")]
    public void Values_are_read_as_the_format_says(string text, string expected)
    {
        var values = Read(text);

        Assert.Empty(_problems);
        Assert.Equal(expected, values["A"]);
    }

    [Fact]
    public void A_name_alone_takes_its_value_from_outside()
    {
        var values = Read("HOST\nNONE");

        Assert.Equal("outside", values["HOST"]);
        Assert.Null(values["NONE"]);
    }

    [Fact]
    public void Raw_values_are_taken_as_they_are()
    {
        var values = Read("A='x' # $HOST", raw: true);

        Assert.Equal("'x' # $HOST", values["A"]);
    }

    [Theory]
    [InlineData("1A=x", "e:1:1: '1A' is no name of a variable; write NAME=value")]
    [InlineData("A=1\nB=\"open", "e:2:1: B: the value has no closing \"")]
    public void What_cannot_be_read_is_told_with_its_line(string text, string expected)
    {
        Read(text);

        Assert.Equal(expected, Assert.Single(_problems).ToString());
    }

    private Dictionary<string, string?> Read(string text, bool raw = false)
    {
        var values = new Dictionary<string, string?>();
        DotEnv.Read("e", text, values, name => name == "HOST" ? "outside" : null, raw, _problems);
        return values;
    }
}
