using Caisson.Documents;
using Caisson.Errors;

using Xunit;

namespace Caisson.Compose.Tests;

public sealed class YamlReaderTests
{
    private readonly List<Problem> _problems = [];

    [Fact]
    public void Every_node_knows_its_line_and_column()
    {
        var document = Read("a: 1\nb:\n  - x\n  - y: z\n");

        Assert.Equal("f:1:4", document.Field("a")!.Position.ToString());
        Assert.Equal("f:3:5", document.Field("b").Items().First().Position.ToString());
        Assert.Equal("f:4:8", document.Field("b").Items().Last().Field("y")!.Position.ToString());
        Assert.Equal("f:2:1", document.Entries().Last().Position.ToString());
    }

    [Fact]
    public void Merge_keys_take_along_what_is_not_said()
    {
        var document = Read("base: &base {a: 1, b: 2}\nmore: &more {b: 3, c: 4}\nwhole:\n  <<: [*base, *more]\n  a: 0\n");

        Assert.Equal("a: 0\nb: 2\nc: 4\n", YamlWriter.Write(document.Field("whole")!));
    }

    [Theory]
    [InlineData("a: 1\na: 2\n", "f:2:1: key 'a' is there twice; the first one is in line 1")]
    [InlineData("a: *none\n", "f:1:4: alias *none has no anchor &none before it")]
    [InlineData("a: !secret x\n", "f:1:4: unknown tag !secret; !reset and !override are known")]
    [InlineData("a: {<<: 5}\n", "f:1:9: '<<' takes mappings along, and this is a number")]
    public void What_is_wrong_is_told_with_its_place(string text, string expected)
    {
        Read(text);

        Assert.Equal(expected, Assert.Single(_problems).ToString());
    }

    [Theory]
    [InlineData("a: [1, 2\nb: 3\n")]
    [InlineData("a: 'open\n")]
    [InlineData("a:\n\t- tab\n")]
    public void What_is_no_YAML_is_told_with_its_place(string text)
    {
        YamlReader.Read("f", text, _problems);

        Assert.Matches(@"^f:\d+:\d+: is not YAML: ", Assert.Single(_problems).ToString());
    }

    [Fact]
    public void Aliases_that_would_blow_up_are_refused()
    {
        string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
            + string.Concat(Enumerable.Range(1, 9).Select(i => $"a{i}: &a{i} [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 10))}]\n"));

        YamlReader.Read("f", text, _problems);

        Assert.Contains("larger than a million values", Assert.Single(_problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Values_nested_without_end_are_refused()
    {
        YamlReader.Read("f", new string('[', 5000), _problems);

        Assert.Contains("nested more than 100 deep", Assert.Single(_problems).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("text")]
    [InlineData("")]
    [InlineData("yes")]
    [InlineData("12")]
    [InlineData("1e3")]
    [InlineData("null")]
    [InlineData(" space ")]
    [InlineData("a: b")]
    [InlineData("a #b")]
    [InlineData("*star")]
    [InlineData("it's \"so\"")]
    [InlineData("back\\slash")]
    [InlineData("line\nline\n")]
    [InlineData("line\n\n  indented")]
    [InlineData("\n")]
    [InlineData("tab\there")]
    [InlineData("bell\a")]
    [InlineData("8080:80")]
    [InlineData("-c")]
    [InlineData("@at")]
    [InlineData("{brace")]
    public void Text_that_is_written_is_read_back(string text)
    {
        string yaml = YamlWriter.Write(MappingNode.Of([new("outer", null), new("key", text)], SourcePosition.None).With("list", SequenceNode.Of([text], SourcePosition.None)));

        var read = Read(yaml);

        Assert.Empty(_problems);
        Assert.Equal(text, ((ScalarNode)read.Field("key")!).Text);
        Assert.Equal(ScalarKind.Text, ((ScalarNode)read.Field("key")!).Is);
        Assert.Equal(text, ((ScalarNode)read.Field("list").Items().Single()).Text);
    }

    private DocumentNode Read(string text) => Assert.Single(YamlReader.Read("f", text, _problems));
}
