using System.Text.Json;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Templates;
using Caisson.Client;
using Caisson.Client.Secrets;
using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson inspect</c>, and of one kind only below <c>container</c>, <c>image</c>, <c>network</c>, <c>volume</c>, <c>secret</c> and <c>config</c>.</summary>
internal sealed class InspectCommand : Command
{
    private readonly ValueOption<string> _format;
    private readonly SwitchOption? _size;
    private readonly ValueOption<string>? _type;
    private readonly string _kind;

    public InspectCommand(string kind = "")
    {
        _kind = kind;
        _format = Format('f');
        if (kind is "" or "container" or "volume")
        {
            _size = Switch("size", kind == "volume" ? "Count the bytes of its files" : "Display total file sizes if the type is container", 's');
        }
        if (kind.Length == 0)
        {
            _type = Text("type", "Only inspect objects of the given type: container, image, network or volume");
        }
    }

    public override string Usage => _kind switch
    {
        "container" => "[OPTIONS] CONTAINER [CONTAINER...]",
        "image" => "[OPTIONS] IMAGE [IMAGE...]",
        "network" => "[OPTIONS] NETWORK [NETWORK...]",
        "volume" => "[OPTIONS] VOLUME [VOLUME...]",
        "secret" => "[OPTIONS] SECRET [SECRET...]",
        "config" => "[OPTIONS] CONFIG [CONFIG...]",
        _ => "[OPTIONS] NAME|ID [NAME|ID...]",
    };

    public override IReadOnlyList<string> Examples =>
        _kind == "image" ? ["image inspect busybox", "image inspect -f '{{.Id}}' busybox"]
        : _kind == "network" ? ["network inspect bridge", "network inspect -f '{{json .IPAM.Config}}' bridge"]
        : _kind == "volume" ? ["volume inspect data", "volume inspect --size -f '{{.UsageData.Size}}' data"]
        : _kind == "secret" ? ["secret inspect token", "secret inspect -f '{{.Spec.Labels}}' token"]
        : _kind == "config" ? ["config inspect site", "config inspect -f '{{.Spec.Data}}' site"]
        : ["inspect web", "inspect -f '{{.State.Status}} {{json .HostConfig.SecurityOpt}}' web"];

    public override (int Min, int Max) ArgumentCount => (1, -1);

    public override CompletionKind Completes => _kind switch
    {
        "image" => CompletionKind.Images,
        "network" => CompletionKind.Networks,
        "volume" => CompletionKind.Volumes,
        "secret" or "config" => CompletionKind.None,
        _ => CompletionKind.Containers,
    };

    public override int Run(Session session)
    {
        string kind = _type is { Value.Length: > 0 } type ? type.Value : _kind;
        if (kind != _kind && kind is not ("container" or "image" or "network" or "volume"))
        {
            throw new UsageException($"\"{kind}\" is not a valid value for --type; write container, image, network or volume", exitCode: 1);
        }
        var template = _format.Value is "" or "json" ? null : Template.Parse(_format.Value);
        var found = new List<object?>();
        var problems = new List<string>();
        foreach (string name in Arguments)
        {
            try
            {
                using var document = Inspect(session.Engine, kind, name);
                if (template is null)
                {
                    found.Add(document.RootElement.Clone());
                }
                else
                {
                    session.Out.WriteLine(template.Render(document.RootElement));
                }
            }
            catch (CaissonException e) when (e.Kind != ErrorKind.Unavailable)
            {
                problems.Add(e.Message);
            }
        }
        if (template is null)
        {
            session.Out.WriteLine(_format.Value == "json" ? TemplateJson.Write(found) : TemplateJson.WriteIndented(found));
        }
        else if (problems.Count > 0 && problems.Count == Arguments.Count)
        {
            session.Out.WriteLine();
        }
        session.Flush();
        problems.ForEach(problem => session.Error.WriteLine($"caisson: {problem}"));
        return problems.Count > 0 ? 1 : 0;
    }

    private JsonDocument Inspect(EngineClient engine, string kind, string name)
    {
        if (kind == "image")
        {
            return engine.InspectImage(name);
        }
        if (kind == "network")
        {
            return engine.InspectNetwork(name);
        }
        if (kind == "volume")
        {
            return engine.InspectVolume(name, _size?.Value == true);
        }
        if (kind is "secret" or "config")
        {
            return engine.InspectSecret(kind == "config" ? SecretKind.Config : SecretKind.Secret, name);
        }
        try
        {
            return engine.InspectContainer(name, _size?.Value == true);
        }
        catch (EngineException e) when (e.Status == 404 && kind.Length == 0)
        {
            try
            {
                return engine.InspectImage(name);
            }
            catch (EngineException image) when (image.Status == 404)
            {
                return InspectLast(engine, name);
            }
        }
    }

    private static JsonDocument InspectLast(EngineClient engine, string name)
    {
        try
        {
            return engine.InspectNetwork(name);
        }
        catch (EngineException network) when (network.Status == 404)
        {
            return InspectVolume(engine, name);
        }
    }

    private static JsonDocument InspectVolume(EngineClient engine, string name)
    {
        try
        {
            return engine.InspectVolume(name);
        }
        catch (EngineException volume) when (volume.Status is 404 or 400)
        {
            throw new CaissonException(ErrorKind.NotFound, $"no such object: {name}");
        }
    }
}
