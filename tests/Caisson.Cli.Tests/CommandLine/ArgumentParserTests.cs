using Caisson.Cli.CommandLine;
using Caisson.Errors;

using Xunit;

namespace Caisson.Cli.Tests.CommandLine;

public sealed class ArgumentParserTests
{
    [Theory]
    [InlineData("a b", "", false, "a b")]
    [InlineData("--name x", "x", false, "")]
    [InlineData("--name=x", "x", false, "")]
    [InlineData("--name= a", "", false, "a")]
    [InlineData("-n x", "x", false, "")]
    [InlineData("-nx", "x", false, "")]
    [InlineData("-n=x", "x", false, "")]
    [InlineData("-qnx", "x", true, "")]
    [InlineData("-qn x y", "x", true, "y")]
    [InlineData("-q", "", true, "")]
    [InlineData("--quiet", "", true, "")]
    [InlineData("--quiet=false", "", false, "")]
    [InlineData("-q=false", "", false, "")]
    [InlineData("--name --quiet", "--quiet", false, "")]
    [InlineData("a --name x b", "x", false, "a b")]
    [InlineData("-- --name x", "", false, "--name x")]
    [InlineData("a -- -q", "", false, "a -q")]
    [InlineData("-", "", false, "-")]
    public void Options_are_written_as_pflag_takes_them(string line, string name, bool quiet, string arguments)
    {
        var command = new Sample();

        Assert.True(Parse(command, line));
        Assert.Equal(name, command.Name.Value);
        Assert.Equal(quiet, command.Quiet.Value);
        Assert.Equal(arguments, string.Join(' ', command.Arguments));
    }

    [Theory]
    [InlineData("-q img -q --name x", true, "img -q --name x")]
    [InlineData("img --help", false, "img --help")]
    [InlineData("-- img -q", false, "img -q")]
    [InlineData("img -- sh", false, "img -- sh")]
    public void After_the_image_everything_belongs_to_the_container(string line, bool quiet, string arguments)
    {
        var command = new Sample(stops: true);

        Assert.True(Parse(command, line));
        Assert.Equal(quiet, command.Quiet.Value);
        Assert.Equal(arguments, string.Join(' ', command.Arguments));
    }

    [Theory]
    [InlineData("--nmae x", "unknown flag: --nmae; did you mean --name?")]
    [InlineData("--zzzzzz", "unknown flag: --zzzzzz")]
    [InlineData("-x", "unknown shorthand flag: 'x' in -x")]
    [InlineData("-qx", "unknown shorthand flag: 'x' in -qx")]
    [InlineData("--name", "flag needs an argument: --name")]
    [InlineData("-n", "flag needs an argument: 'n' in -n")]
    [InlineData("--quiet=maybe", "invalid argument \"maybe\" for \"-q, --quiet\" flag: write true or false")]
    [InlineData("--count x", "invalid argument \"x\" for \"--count\" flag: not a whole number")]
    public void What_is_wrong_with_an_option_is_said(string line, string message)
    {
        var problem = Assert.Throws<UsageException>(() => Parse(new Sample(), line));

        Assert.Equal(message, problem.Message);
        Assert.Equal(125, problem.ExitCode);
    }

    [Theory]
    [InlineData(0, 0, "a", "'caisson sample' accepts no arguments")]
    [InlineData(1, -1, "", "'caisson sample' requires at least 1 argument")]
    [InlineData(2, 2, "a", "'caisson sample' requires 2 arguments")]
    [InlineData(0, 1, "a b", "'caisson sample' requires at most 1 argument")]
    [InlineData(1, 2, "", "'caisson sample' requires 1 to 2 arguments")]
    public void The_number_of_arguments_is_checked(int min, int max, string line, string message)
    {
        var problem = Assert.Throws<UsageException>(() => Parse(new Sample(count: (min, max)), line));

        Assert.Equal(message, problem.Message);
        Assert.Equal(1, problem.ExitCode);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("-h")]
    [InlineData("-q a --help")]
    public void Help_is_asked_for(string line) => Assert.False(Parse(new Sample(), line));

    [Fact]
    public void Every_command_is_made_and_explains_itself()
    {
        foreach (var entry in CommandTable.Entries)
        {
            var command = entry.Create();
            using var page = new StringWriter();
            HelpPage.Write(page, entry, command, 80);

            Assert.True(command.Examples.Count >= 2, entry.Path);
            Assert.Equal(command.Options.Select(option => option.Name).Distinct().Count(), command.Options.Count);
            var letters = command.Options.Select(option => option.Letter).Where(letter => letter != '\0').ToList();
            Assert.Equal(letters.Distinct().Count(), letters.Count);
            Assert.All(page.ToString().Split('\n').Where(line => line.StartsWith("   ", StringComparison.Ordinal)), line => Assert.True(line.Length <= 110, line));
        }
    }

    [Fact]
    public void Every_path_leads_to_one_command()
    {
        var paths = CommandTable.Entries.SelectMany(entry => entry.Paths).ToList();

        Assert.Equal(paths.Distinct().Count(), paths.Count);
        Assert.All(paths, path => Assert.NotNull(CommandTable.Find(path.Split(' '), out _, out _)));
    }

    [Theory]
    [InlineData("pss", "ps")]
    [InlineData("exce", "exec")]
    [InlineData("imagse", "images")]
    [InlineData("strat", "start")]
    [InlineData("xyzzyplugh", null)]
    public void Typos_are_recognised(string word, string? meant) =>
        Assert.Equal(meant, Spelling.Nearest(word, CommandTable.Entries.Select(entry => entry.Path)));

    private static bool Parse(Sample command, string line) =>
        ArgumentParser.Parse(command, "sample", line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    private sealed class Sample : Command
    {
        private readonly bool _stops;
        private readonly (int Min, int Max) _count;

        public Sample(bool stops = false, (int Min, int Max)? count = null)
        {
            _stops = stops;
            _count = count ?? (0, -1);
            Name = Text("name", "A name", 'n');
            Quiet = Switch("quiet", "Say less", 'q');
            Number("count", "A number");
        }

        public ValueOption<string> Name { get; }

        public SwitchOption Quiet { get; }

        public override string Usage => "";

        public override IReadOnlyList<string> Examples => [];

        public override bool StopsAtFirstArgument => _stops;

        public override (int Min, int Max) ArgumentCount => _count;

        public override int Run(Session session) => 0;
    }
}
