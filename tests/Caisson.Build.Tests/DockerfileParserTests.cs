using Caisson.Build.Dockerfiles;
using Caisson.Errors;

using Xunit;

namespace Caisson.Build.Tests;

public sealed class DockerfileParserTests
{
    private readonly List<Problem> _problems = [];

    [Fact]
    public void Continued_lines_are_one_instruction_and_comments_between_them_are_left_out()
    {
        Dockerfile file = Parse("FROM a\nRUN one \\\n# no part\n\n  two \\\n  three\nCMD x\n");

        Assert.Equal(["FROM a", "RUN one   two   three", "CMD x"], file.Lines.Select(line => line.Text));
        Assert.Equal((2, 6), (file.Lines[1].FirstLine, file.Lines[1].LastLine));
        Assert.Empty(_problems);
    }

    [Fact]
    public void An_escape_directive_changes_what_continues_a_line()
    {
        Dockerfile file = Parse("# escape=`\nFROM a\nRUN dir c:\\ `\n  x\n");

        Assert.Equal('`', file.Escape);
        Assert.Equal("RUN dir c:\\   x", file.Lines[1].Text);
    }

    [Fact]
    public void A_directive_after_another_comment_is_a_comment()
    {
        Dockerfile file = Parse("# hello\n# escape=`\nFROM a\n");

        Assert.Equal('\\', file.Escape);
    }

    [Fact]
    public void Here_documents_are_kept_with_their_instruction()
    {
        Dockerfile file = Parse("FROM a\nCOPY <<one <<-\"two\" /x/\nA $b\none\n\tB\n\ttwo\nRUN y\n");

        DockerfileLine copy = file.Lines[1];
        Assert.Equal([("one", true, "A $b\n"), ("two", false, "B\n")], copy.Heredocs.Select(document => (document.Name, document.Expands, document.Text)));
        Assert.Equal("RUN", file.Lines[2].Keyword);
    }

    [Theory]
    [InlineData("FROM a\nRUN <<EOF\nx\n", "Dockerfile:2", "no end")]
    [InlineData("# escape=x\nFROM a\n", "Dockerfile:1", "escape character")]
    [InlineData("# syntax=a\n# syntax=b\nFROM a\n", "Dockerfile:2", "twice")]
    [InlineData("", "Dockerfile", "no instructions")]
    public void What_is_no_Dockerfile_is_told_with_its_line(string text, string path, string message)
    {
        Parse(text);

        Problem problem = Assert.Single(_problems);
        Assert.Equal(path, problem.Path);
        Assert.Contains(message, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_problem_is_shown_with_the_lines_around_it()
    {
        Dockerfile file = Parse("FROM a\nRUN b\nCPY c d\nRUN e\n");

        string text = file.Describe([new Problem("Dockerfile:3", "unknown")]);

        Assert.Equal("Dockerfile:3: unknown\n     1 | FROM a\n     2 | RUN b\n >   3 | CPY c d\n     4 | RUN e", text);
    }

    [Fact]
    public void Any_text_ends_in_instructions_or_problems()
    {
        var random = new Random(20261121);
        string[] pieces = ["FROM ", "RUN ", "COPY ", "--mount=type=", "<<EOF", "\nEOF\n", "\\\n", "\n", "$", "${", "}", ":-", "\"", "'", "[", "]", "\\", "#", " ", "\t", "\0", "é", "\uD800", "ONBUILD ", "ENV a=", "LABEL ", "HEALTHCHECK ", "--", "=", "/", "**", "%%", "`"];
        for (int round = 0; round < 3000; round++)
        {
            string text = string.Concat(Enumerable.Range(0, random.Next(1, 40)).Select(_ => pieces[random.Next(pieces.Length)]));
            List<Problem> problems = [];

            Dockerfile file = Dockerfile.Parse("Dockerfile", text, problems);
            Plans.BuildPlan? plan = Plans.BuildPlan.Compile(file, new Plans.BuildOptions(), problems);

            Assert.True(plan is not null || problems.Count > 0, text);
            _ = file.Describe(problems);
            _ = SyntaxDump.Write(file);
            Apply(plan);
        }

        static void Apply(Plans.BuildPlan? plan)
        {
            foreach (Plans.StagePlan stage in plan?.Stages ?? [])
            {
                var state = new Plans.StageState(plan!, new Oci.ExecutionConfig(), null, fromScratch: true);
                foreach (Instructions.Instruction instruction in stage.Instructions)
                {
                    _ = state.Apply(instruction, new List<Problem>());
                }
            }
        }
    }

    private Dockerfile Parse(string text) => Dockerfile.Parse("Dockerfile", text, _problems);
}
