using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;
using Caisson.Documents;
using Caisson.Compose.Model;
using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose config</c></summary>
internal sealed class ComposeConfigCommand : ComposeCommand
{
    private readonly SwitchOption _environment, _images, _networks, _profiles, _quiet, _services, _volumes;
    private readonly ValueOption<string> _format, _hash, _output;

    public ComposeConfigCommand()
    {
        _environment = Switch("environment", "Print environment used for interpolation");
        _format = Text("format", "Format the output. Values: [yaml | json]", absent: "yaml");
        _hash = Text("hash", "Print the service config hash, one per line (SERVICE, or * for all)");
        _images = Switch("images", "Print the image names, one per line");
        _networks = Switch("networks", "Print the network names, one per line");
        _output = Text("output", "Save to file (default to stdout)", 'o');
        _profiles = Switch("profiles", "Print the profile names, one per line");
        _quiet = Switch("quiet", "Only validate the configuration, don't print anything", 'q');
        _services = Switch("services", "Print the service names, one per line");
        _volumes = Switch("volumes", "Print the volume names, one per line");
    }

    public override IReadOnlyList<string> Examples => ["compose config", "compose config -q && echo good", "compose config --hash '*'"];

    protected override int RunCompose(Session session)
    {
        var project = Load(session, Arguments);
        if (_quiet.Value)
        {
            return 0;
        }
        string text = Text(project);
        if (_output.Value.Length > 0)
        {
            File.WriteAllText(_output.Value, text);
        }
        else
        {
            session.Out.Write(text);
        }
        return 0;
    }

    private string Text(ComposeProject project)
    {
        var services = project.Services.Values.Where(service => Arguments.Count == 0 || Arguments.Contains(service.Name)).ToList();
        if (_hash.Value.Length > 0)
        {
            string[] wanted = _hash.Value.Split(',');
            if (wanted.FirstOrDefault(name => name != "*" && !project.Services.ContainsKey(name)) is { } unknown)
            {
                throw new CaissonException(ErrorKind.NotFound, $"no such service: {unknown}{Spelling.Hint(unknown, project.Services.Keys)}");
            }
            return Lines(services.Where(service => wanted.Contains("*") || wanted.Contains(service.Name)).Select(service => $"{service.Name} {service.Hash()}"));
        }
        if (_services.Value)
        {
            return Lines(project.InDependencyOrder().Select(service => service.Name));
        }
        if (_volumes.Value)
        {
            return Lines(project.Volumes.Keys);
        }
        if (_networks.Value)
        {
            return Lines(project.Networks.Keys);
        }
        if (_images.Value)
        {
            return Lines(services.Select(service => service.Image));
        }
        if (_profiles.Value)
        {
            return Lines(project.Services.Values.Concat(project.DisabledServices.Values).SelectMany(service => service.Profiles).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
        }
        if (_environment.Value)
        {
            return Lines(project.Variables.Select(variable => $"{variable.Key}={variable.Value}"));
        }
        var document = project.ToDocument();
        if (Arguments.Count > 0)
        {
            document = document.With("services", new MappingNode([.. document["services"].Entries().Where(entry => Arguments.Contains(entry.Key))], SourcePosition.None));
        }
        return _format.Value switch
        {
            "yaml" => YamlWriter.Write(document),
            "json" => YamlWriter.WriteJson(document),
            _ => throw new UsageException($"unsupported format \"{_format.Value}\"; write yaml or json", exitCode: 1),
        };
    }

    private static string Lines(IEnumerable<string> lines) => string.Concat(lines.Select(line => line + "\n"));
}
