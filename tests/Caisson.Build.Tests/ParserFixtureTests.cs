using Caisson.Build.Dockerfiles;
using Caisson.Errors;

using Xunit;

namespace Caisson.Build.Tests;

/// <summary>Compares with fixtures of another parser: directories with a <c>Dockerfile</c> and its <c>result</c>, where <c>DOCKERFILE_FIXTURES</c> names their parent.</summary>
public sealed class ParserFixtureTests
{
    [Fact]
    public void Fixtures_parse_alike()
    {
        string? fixtures = Environment.GetEnvironmentVariable("DOCKERFILE_FIXTURES");
        Assert.SkipUnless(fixtures is not null, "DOCKERFILE_FIXTURES is not set: tests/conformance.sh dockerfile-parser CHECKOUT sets it");
        List<string> different = [];
        int count = 0;
        foreach (string directory in Directory.EnumerateDirectories(fixtures!).Order(StringComparer.Ordinal).Where(directory => File.Exists($"{directory}/result")))
        {
            count++;
            List<Problem> problems = [];
            Dockerfile file = Dockerfile.Parse("Dockerfile", File.ReadAllText($"{directory}/Dockerfile"), problems);
            string dump = SyntaxDump.Write(file).TrimEnd();
            if (problems.Count > 0 || Normal(dump) != Normal(File.ReadAllText($"{directory}/result")))
            {
                different.Add($"{Path.GetFileName(directory)}: {string.Join("; ", problems)}\n{dump}");
            }
        }

        Assert.True(different.Count == 0, string.Join("\n\n", different));
        Assert.True(count > 0, $"{fixtures} has no fixtures");

        // Lists that end a line are written with a line end of their own there.
        static string Normal(string text) => text.Replace("\r", "", StringComparison.Ordinal).Replace(")\n)", "))", StringComparison.Ordinal).Trim();
    }
}
