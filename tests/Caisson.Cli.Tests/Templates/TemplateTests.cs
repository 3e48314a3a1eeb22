using System.Text.Json;

using Caisson.Cli.Templates;

using Xunit;

namespace Caisson.Cli.Tests.Templates;

public sealed class TemplateTests
{
    private const string Json = """
        {
          "Id": "0123456789abcdef", "Name": "/web", "Count": 3, "Ratio": 1.5, "Zero": 0, "On": true, "Off": false, "Nothing": null,
          "Empty": "", "List": ["a", "b", "c"], "None": [], "Map": {"b": "2", "a": "1", "c.d": "x y"},
          "State": {"Status": "running", "Pid": 42}, "Mounts": [{"Source": "/s", "Target": "/t"}, {"Source": "/u", "Target": "/v"}]
        }
        """;

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("{{.Name}}", "/web")]
    [InlineData("{{ .State.Status }}", "running")]
    [InlineData("{{.Count}} {{.Ratio}} {{.On}} {{.Off}} {{.Nothing}}", "3 1.5 true false <nil>")]
    [InlineData("{{.List}} {{.None}} {{.Map}}", "[a b c] [] map[a:1 b:2 c.d:x y]")]
    [InlineData("{{.ID}}", "0123456789abcdef")]
    [InlineData("{{json .Map}}", "{\"b\":\"2\",\"a\":\"1\",\"c.d\":\"x y\"}")]
    [InlineData("{{json .Name}} {{json .Count}} {{json .Nothing}}", "\"/web\" 3 null")]
    [InlineData("{{index .Map \"c.d\"}}|{{index .Map \"absent\"}}|{{index .List 1}}", "x y||b")]
    [InlineData("{{(index .Mounts 0).Source}}", "/s")]
    [InlineData("{{len .List}} {{len .Name}} {{len .Map}} {{len .None}}", "3 4 3 0")]
    [InlineData("{{range .List}}<{{.}}>{{end}}", "<a><b><c>")]
    [InlineData("{{range $i, $e := .List}}{{$i}}={{$e}} {{end}}", "0=a 1=b 2=c ")]
    [InlineData("{{range $k, $v := .Map}}{{$k}}={{$v}};{{end}}", "a=1;b=2;c.d=x y;")]
    [InlineData("{{range .None}}x{{else}}none{{end}}", "none")]
    [InlineData("{{range .Mounts}}{{.Source}}:{{.Target}} {{$.Name}} {{end}}", "/s:/t /web /u:/v /web ")]
    [InlineData("{{if .On}}yes{{else}}no{{end}} {{if .Zero}}yes{{else if .List}}list{{end}}", "yes list")]
    [InlineData("{{if not .Off}}1{{end}}{{if and .On .Empty}}2{{end}}{{if or .Off .Name}}3{{end}}", "13")]
    [InlineData("{{with .State}}{{.Pid}}{{end}}{{with .Nothing}}x{{else}}y{{end}}", "42y")]
    [InlineData("{{$x := .State.Pid}}{{$x}} {{$x = 7}}{{$x}}", "42 7")]
    [InlineData("{{upper .Name}} {{lower \"ABC\"}} {{title .State.Status}}", "/WEB abc Running")]
    [InlineData("{{join .List \",\"}} {{split \"a,b\" \",\"}}", "a,b,c [a b]")]
    [InlineData("{{truncate .Id 12}} {{.Id | printf \"%.4s\"}} {{slice .Id 2 4}} {{slice .List 1}}", "0123456789ab 0123 23 [b c]")]
    [InlineData("{{pad .Name 1 2}}|{{pad .Empty 1 2}}|", " /web  ||")]
    [InlineData("{{printf \"%-6s|%4d|%q|%v|%05d|%.2f|%%\" .Name .Count .Name .On .Count .Ratio}}", "/web  |   3|\"/web\"|true|00003|1.50|%")]
    [InlineData("{{println .Name .Count}}", "/web 3\n")]
    [InlineData("{{print .Name .Count}}", "/web3")]
    [InlineData("{{eq .Count 3}} {{eq .Name \"a\" \"/web\"}} {{ne .Count 3}} {{lt .Count 4}} {{ge .Count 4}} {{gt .Ratio 1}}", "true true false true false true")]
    [InlineData("{{if eq .State.Status \"running\"}}up{{end}}", "up")]
    [InlineData("{{.Name | upper | json}}", "\"/WEB\"")]
    [InlineData("a {{- .Name -}} b", "a/webb")]
    [InlineData("a{{/* nothing */}}b", "ab")]
    [InlineData("{{\"}}\"}} {{`raw \\n`}} {{\"tab\\t.\"}}", "}} raw \\n tab\t.")]
    [InlineData("{{.Map.a}}{{range .List}}{{if eq . \"b\"}}!{{end}}{{end}}", "1!")]
    public void Templates_print_what_Go_prints(string template, string expected)
    {
        using var value = JsonDocument.Parse(Json);

        Assert.Equal(expected, Template.Parse(template).Render(value.RootElement));
    }

    [Theory]
    [InlineData("{{")]
    [InlineData("{{.Name")]
    [InlineData("{{end}}")]
    [InlineData("{{else}}")]
    [InlineData("{{if .On}}x")]
    [InlineData("{{range .List}}x{{else}}")]
    [InlineData("{{nosuch .Name}}")]
    [InlineData("{{\"open}}")]
    [InlineData("{{(.Name}}")]
    [InlineData("{{.Name)}}")]
    [InlineData("{{}}")]
    [InlineData("{{.Name | }}")]
    [InlineData("{{3 4}}")]
    [InlineData("{{#}}")]
    [InlineData("{{range $a, := .List}}{{end}}")]
    public void Malformed_templates_are_refused(string template) =>
        Assert.Throws<TemplateException>(() => Template.Parse(template));

    [Theory]
    [InlineData("{{.Absent}}", "map has no entry for key \"Absent\"")]
    [InlineData("{{.Nothing.X}}", "nil pointer evaluating .X")]
    [InlineData("{{.Name.X}}", "can't evaluate field X")]
    [InlineData("{{index .List 9}}", "out of range")]
    [InlineData("{{$x}}", "undefined variable \"$x\"")]
    [InlineData("{{lt .Name 3}}", "incompatible types")]
    [InlineData("{{slice .Id 5 99}}", "out of range")]
    [InlineData("{{truncate .Id}}", "wrong number of arguments")]
    [InlineData("{{range .Name}}{{end}}", "can't iterate")]
    public void Templates_that_do_not_fit_their_value_say_why(string template, string message)
    {
        using var value = JsonDocument.Parse(Json);

        var problem = Assert.Throws<TemplateException>(() => Template.Parse(template).Render(value.RootElement));

        Assert.Contains(message, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Deep_nesting_is_refused_instead_of_ending_the_process()
    {
        Assert.Throws<TemplateException>(() => Template.Parse("{{" + new string('(', 100_000) + "}}"));
        Assert.Throws<TemplateException>(() => Template.Parse(string.Concat(Enumerable.Repeat("{{if .}}", 100_000))));
    }

    [Fact]
    public void Random_templates_are_refused_or_render()
    {
        using var value = JsonDocument.Parse(Json);
        var random = new Random(20260102);
        string[] words = ["{{", "}}", ".", "Name", " ", "(", ")", "|", "if", "range", "end", "else", "$x", ":=", "\"s\"", "len", "index", "printf", "%d", "1", "-", ",", "with", "json", "`"];
        for (int i = 0; i < 20_000; i++)
        {
            string template = string.Concat(Enumerable.Range(0, random.Next(1, 14)).Select(_ => words[random.Next(words.Length)]));

            var outcome = Record.Exception(() => Template.Parse(template).Render(value.RootElement));

            Assert.True(outcome is null or TemplateException, $"{template}: {outcome}");
        }
    }
}
