using Caisson.Build.Ignore;
using Caisson.Errors;

using Xunit;

namespace Caisson.Build.Tests;

public sealed class IgnoreRulesTests
{
    [Theory]
    [InlineData("*.md", "README.md", true)]
    [InlineData("*.md", "docs/README.md", false)]
    [InlineData("**/*.md", "docs/a/README.md", true)]
    [InlineData("**/*.md", "README.md", true)]
    [InlineData("docs", "docs/a", true)]
    [InlineData("/docs/", "docs/a", true)]
    [InlineData("*/temp*", "somedir/temporary.txt", true)]
    [InlineData("temp?", "tempa", true)]
    [InlineData("temp?", "temp", false)]
    [InlineData("[a-c]x", "bx", true)]
    [InlineData("[^a-c]x", "bx", false)]
    [InlineData("*.md\n!README.md", "README.md", false)]
    [InlineData("*.md\n!README.md\nREADME*", "README.md", true)]
    [InlineData("a\n!a/b", "a/b/c", false)]
    [InlineData("# a", "# a", false)]
    [InlineData("x/../y", "y", true)]
    [InlineData("**", "a/b", true)]
    public void The_last_rule_that_matches_decides(string rules, string path, bool ignored)
    {
        List<Problem> problems = [];

        IgnoreRules parsed = IgnoreRules.Parse(".dockerignore", rules, problems);

        Assert.Empty(problems);
        Assert.Equal(ignored, parsed.Ignores(path));
    }

    [Fact]
    public void A_set_that_is_not_closed_is_told_with_its_line()
    {
        List<Problem> problems = [];

        IgnoreRules.Parse(".dockerignore", "ok\n[a\n", problems);

        Assert.Equal(".dockerignore:2", Assert.Single(problems).Path);
    }
}
