using System.Text.RegularExpressions;
using System.Xml.Linq;

using Xunit;

namespace Caisson.House.Tests;

public sealed partial class ArchitectureTests
{
    [Fact]
    public void Project_references_equal_the_table()
    {
        Dictionary<string, string[]> described = Projects.Described();

        IEnumerable<string> wrong = Projects.Built()
            .Where(project => !described.GetValueOrDefault(project.Key, []).SequenceEqual(project.Value))
            .Select(project => $"{project.Key} references [{string.Join(", ", project.Value)}] and ARCHITECTURE.md allows "
                + $"[{string.Join(", ", described.GetValueOrDefault(project.Key, []))}]; change the project or, if the direction is right, the table");

        Findings.None(wrong);
    }

    [Fact]
    public void The_table_names_every_project_and_no_other()
    {
        string[] described = [.. Projects.Described().Keys];
        string[] built = [.. Projects.Built().Keys];

        Findings.None(
        [
            .. built.Except(described).Select(name => $"{name} is not in the table of ARCHITECTURE.md; add a line that says what it is and may use"),
            .. described.Except(built).Select(name => $"ARCHITECTURE.md has {name}, which is not in src; remove the line"),
        ]);
    }

    [Fact]
    public void The_page_names_every_top_directory()
    {
        string page = SourceTree.Texts["ARCHITECTURE.md"];

        IEnumerable<string> missing = Directory.EnumerateDirectories(SourceTree.Root)
            .Select(directory => Path.GetFileName(directory))
            .Where(name => name is not (".git" or "artifacts") && !name.StartsWith(".v", StringComparison.Ordinal) && name != ".idea")
            .Where(name => !page.Contains($"`{name}/`", StringComparison.Ordinal))
            .Select(name => $"`{name}/` is not in ARCHITECTURE.md; say in a line what is in it");

        Findings.None(missing);
    }

    [Fact]
    public void The_solution_holds_every_project()
    {
        string[] listed = [.. XDocument.Parse(SourceTree.Texts["Caisson.slnx"]).Descendants("Project").Select(project => project.Attribute("Path")!.Value)];
        string[] there = [.. SourceTree.Texts.Keys.Where(path => path.EndsWith(".csproj", StringComparison.Ordinal))];

        Findings.None(
        [
            .. there.Except(listed).Select(path => $"{path} is not in Caisson.slnx; add it"),
            .. listed.Except(there).Select(path => $"Caisson.slnx has {path}, which does not exist; remove it"),
        ]);
    }

    [Fact]
    public void Identifiers_in_the_pages_exist_in_the_source()
    {
        IEnumerable<string> texts = [.. SourceTree.Texts.Keys, .. SourceTree.CSharp("").Select(text => text.Value)];
        HashSet<string> words = [.. texts.SelectMany(text => Word().Matches(text)).Select(word => word.Value)];

        IEnumerable<string> unknown =
            from page in SourceTree.Pages
            from span in CodeSpan().Matches(Fence().Replace(page.Value, ""))
            let code = span.Groups["code"].Value
            where Identifier().IsMatch(code)
            where !code.Split('.').All(part => words.Contains(part))
            select $"{page.Key}: `{code}` is in no source file; name what is there";

        Findings.None(unknown);
    }

    [Fact]
    public void Paths_in_the_pages_exist_in_the_tree()
    {
        IEnumerable<string> unknown =
            from page in SourceTree.Pages
            from target in CodeSpan().Matches(Fence().Replace(page.Value, "")).Select(span => span.Groups["code"].Value)
                .Where(code => TreePath().IsMatch(code))
                .Concat(Link().Matches(page.Value).Select(link => Path.Combine(Path.GetDirectoryName(page.Key)!, link.Groups["target"].Value)))
            where !Path.Exists(Path.Combine(SourceTree.Root, target))
            select $"{page.Key}: {target} does not exist; correct the path";

        Findings.None(unknown);
    }

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();

    [GeneratedRegex(@"(?ms)^```.*?^```")]
    private static partial Regex Fence();

    [GeneratedRegex(@"`(?<code>[^`\n]+)`")]
    private static partial Regex CodeSpan();

    /// <summary>PascalCase of two words or more, or names joined by dots.</summary>
    [GeneratedRegex(@"^(?=.*[a-z])([A-Z][a-z0-9]+[A-Z]\w*|[A-Z]\w+(\.[A-Z]\w+)+)$")]
    private static partial Regex Identifier();

    [GeneratedRegex(@"^(src|tests|docs|bench|\.ci)/[\w./-]+$")]
    private static partial Regex TreePath();

    [GeneratedRegex(@"\]\((?<target>(?!\w+:|#)[^)#]+)")]
    private static partial Regex Link();
}
