using Xunit;

namespace Caisson.Cli.Tests.Commands;

/// <summary>What <c>caisson compose</c> says without an engine, and what it asks of one.</summary>
public sealed class ComposeCommandTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("caisson-compose-").FullName;
    private readonly CommandRunner _runner = new();

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData("help-compose.txt", "compose")]
    [InlineData("help-compose-up.txt", "compose", "up", "--help")]
    public void Help_is_as_it_was(string golden, params string[] words)
    {
        Assert.Equal(0, _runner.Run(words));

        GoldenFile.Match(golden, _runner.Output);
    }

    [Fact]
    public void Config_prints_the_project_in_its_long_form()
    {
        _runner["TAG"] = "1.2";
        string file = Write("name: demo\nservices: {web: {image: \"web:${TAG}\", ports: ['80:80']}}\n");

        int code = _runner.Run("compose", "-f", file, "config");

        Assert.Equal(0, code);
        Assert.Equal(
            """
            name: demo
            services:
              web:
                image: web:1.2
                ports:
                  - mode: ingress
                    target: 80
                    published: "80"
                    protocol: tcp
                networks:
                  default: null
            networks:
              default:
                name: demo_default

            """,
            _runner.Output);
    }

    [Theory]
    [InlineData("--services", "db\nweb\n")]
    [InlineData("--volumes", "data\n")]
    [InlineData("--images", "db\nweb\n")]
    [InlineData("--profiles", "dev\n")]
    [InlineData("--quiet", "")]
    public void Config_lists_what_is_asked_for(string option, string expected)
    {
        string file = Write("services: {web: {image: web, depends_on: [db]}, db: {image: db, volumes: ['data:/d']}, x: {image: x, profiles: [dev]}}\nvolumes: {data: }\n");

        int code = _runner.Run("compose", "--file", file, "config", option);

        Assert.Equal(0, code);
        Assert.Equal(expected, _runner.Output);
    }

    [Fact]
    public void All_problems_of_a_file_are_told_one_a_line()
    {
        string file = Write("services:\n  web:\n    imagee: x\n    ports: 5\n");

        int code = _runner.Run("compose", "-f", file, "up", "-d");

        Assert.Equal(1, code);
        Assert.Equal(
            $"{file}:2:3: services.web: has neither an image nor a build\n{file}:3:5: services.web: unknown key 'imagee'; did you mean 'image'?\n"
            + $"{file}:4:12: services.web.ports: must be a list, and is '5'\ncaisson: 3 problems; nothing was changed\n",
            _runner.Error);
    }

    [Theory]
    [InlineData(125, "unknown flag: --projet-name; did you mean '--project-name'?", "compose", "--projet-name", "x", "up")]
    [InlineData(1, "unknown command: caisson compose upp; did you mean 'caisson compose up'?", "compose", "upp")]
    [InlineData(125, "invalid argument \"web\" for \"--scale\" flag: write SERVICE=NUM", "compose", "up", "--scale", "web")]
    public void A_wrong_command_line_is_told_with_what_was_meant(int expected, string message, params string[] words)
    {
        int code = _runner.Run(words);

        Assert.Equal(expected, code);
        Assert.Contains(message, _runner.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Projects_are_listed_with_the_states_of_their_containers()
    {
        using var server = OutputTests.Answering("""
            [{"Id":"1","State":"running","Labels":{"com.docker.compose.project":"demo","com.docker.compose.project.config_files":"/a.yaml"}},
             {"Id":"2","State":"running","Labels":{"com.docker.compose.project":"demo"}},
             {"Id":"3","State":"exited","Labels":{"com.docker.compose.project":"demo"}},
             {"Id":"4","State":"running","Labels":{"com.docker.compose.project":"other"}}]
            """);

        int code = _runner.Run(server, "compose", "ls", "-a");

        Assert.True(code == 0, _runner.Error);
        Assert.Equal("NAME      STATUS                  CONFIG FILES\ndemo      exited(1), running(2)   /a.yaml\nother     running(1)              N/A\n", _runner.Output);
    }

    private string Write(string text)
    {
        string file = Path.Combine(_directory, "compose.yaml");
        File.WriteAllText(file, text);
        return file;
    }
}
