using System.Text.RegularExpressions;

using Xunit;

namespace Caisson.House.Tests;

public sealed partial class SourceTests
{
    [Fact]
    public void Plans_touch_nothing()
    {
        IEnumerable<string> wrong =
            from text in SourceTree.Product
            where text.Key.EndsWith("Plan.cs", StringComparison.Ordinal) || CompilerFile().IsMatch(text.Key)
            from use in Effect().Matches(SourceTree.WithoutComments(text.Value))
            select $"{text.Key}: uses {use.Value.Trim()}; a plan is values in, values out: what it must know of the host belongs in its Facts";

        Findings.None(wrong);
    }

    [Fact]
    public void Unsafe_code_is_allowed_in_Linux_alone()
    {
        IEnumerable<string> wrong = SourceTree.Texts
            .Where(text => (text.Key.EndsWith(".csproj", StringComparison.Ordinal) || text.Key.EndsWith(".props", StringComparison.Ordinal))
                && text.Key != "src/Caisson.Linux/Caisson.Linux.csproj"
                && text.Key.StartsWith("tests/", StringComparison.Ordinal) is false
                && text.Value.Contains("AllowUnsafeBlocks", StringComparison.Ordinal))
            .Select(text => $"{text.Key}: AllowUnsafeBlocks; put the call into Caisson.Linux and offer it as an owned type");

        Findings.None(wrong);
    }

    [Fact]
    public void Native_calls_are_source_generated()
    {
        string attribute = "DllImport";

        IEnumerable<string> wrong = SourceTree.Product
            .Where(text => Regex.IsMatch(SourceTree.WithoutComments(text.Value), $@"\[\s*{attribute}\b"))
            .Select(text => $"{text.Key}: {attribute}; use LibraryImport with blittable types");

        Findings.None(wrong);
    }

    [Fact]
    public void No_bare_descriptor_leaves_Linux()
    {
        IEnumerable<string> wrong =
            from text in SourceTree.Product
            where !text.Key.StartsWith("src/Caisson.Linux/", StringComparison.Ordinal)
            from member in PublicMember().Matches(SourceTree.WithoutComments(text.Value))
            where BareDescriptor().IsMatch(member.Value)
            select $"{text.Key}: '{member.Value.Trim()}' takes a descriptor as a number; take a SafeHandle, which has an owner";

        Findings.None(wrong);
    }

    [Fact]
    public void Files_speak_of_Caisson_alone()
    {
        // Written so that this file does not name them.
        string[] machine = ["/wo" + "rk/", "/ro" + "ot/.", "/ho" + "me/"];
        string[] registries = ["nuget" + ".org", "api." + "nuget", "npm" + "js", "pypi" + ".org", "deb.debian" + ".org", "crates" + ".io"];

        IEnumerable<string> wrong =
            from text in SourceTree.Texts
            from word in text.Key.StartsWith("tests/", StringComparison.Ordinal) ? registries.Append(machine[0]) : machine.Concat(registries)
            from line in text.Value.Split('\n').Select((content, index) => (content, number: index + 1))
            where line.content.Contains(word, StringComparison.Ordinal) && !InsideAContainer().IsMatch(line.content)
            select $"{text.Key}:{line.number}: has '{word}', which is of one machine or network; say it without";

        Findings.None(wrong);
    }

    [Fact]
    public void Every_golden_file_has_a_test()
    {
        IEnumerable<string> dead =
            from text in SourceTree.Texts
            let parts = text.Key.Split('/')
            let golden = Array.IndexOf(parts, "Golden")
            where golden > 0
            let suite = string.Join('/', parts.Take(2)) + "/"
            let names = parts.Skip(golden + 1).SelectMany(part => new[] { part, Path.GetFileNameWithoutExtension(part) })
            where !SourceTree.CSharp(suite).Any(code => names.Any(name => code.Value.Contains($"{name}\"", StringComparison.Ordinal)))
            select $"{text.Key}: no test of its suite names it; delete it";

        Findings.None(dead);
    }

    [GeneratedRegex(@"^src/Caisson\.Containers/Launch/\w+Compiler(\.\w+)?\.cs$")]
    private static partial Regex CompilerFile();

    [GeneratedRegex(@"using System\.(IO|Net)\b[^;]*;|using System\.Diagnostics;|\b(File|Directory|Socket|Environment)\.[A-Z]\w+|\bProcess\.(Start|Get)\w*|\bnew FileStream\b|\bLibraryImport\b")]
    private static partial Regex Effect();

    [GeneratedRegex(@"(?m)^\s*public [^=;{]*\([^)]*\)")]
    private static partial Regex PublicMember();

    [GeneratedRegex(@"\b(int|nint) (fd|\w*Fd|descriptor)\b")]
    private static partial Regex BareDescriptor();

    /// <summary>Paths that images have, in tests and tables of accounts.</summary>
    [GeneratedRegex(@"passwd|HOME|:/ro{2}t:|""/ro{2}t""")]
    private static partial Regex InsideAContainer();
}
