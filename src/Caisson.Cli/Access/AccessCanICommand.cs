using System.Text.Json;

using Caisson.Cli.CommandLine;
using Caisson.Client;

namespace Caisson.Cli.Access;

/// <summary><c>caisson access can-i</c></summary>
internal sealed class AccessCanICommand : Command
{
    private readonly ValueOption<string> _project;
    private readonly ValueOption<string> _name;

    public AccessCanICommand()
    {
        _project = Text("project", "In this project; without it in the engine as a whole", 'p', "name");
        _name = Text("name", "Of this object", kind: "name");
    }

    public override string Usage => "[OPTIONS] VERB RESOURCE";

    public override string Details =>
        "A RESOURCE is the engine's, such as containers, images or host/paths, or one of Kubernetes, such as pods/log or deployments.\n"
        + "Where both have the word, that of Kubernetes is written with its group: secrets.core. Exit code 1 is no.";

    public override IReadOnlyList<string> Examples => ["access can-i create containers", "access can-i get pods/log --project shop", "access can-i use host/paths"];

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override int Run(Session session)
    {
        using JsonDocument answer = session.Engine.CanI(Arguments[0], Arguments[1], _project.Value, _name.Value);
        bool isAllowed = answer.RootElement.Truth("Allowed");
        session.Out.WriteLine(isAllowed ? "yes" : $"no: the right '{answer.RootElement.Text("Right")}' is missing; the role {answer.RootElement.Text("Role")} has it");
        return isAllowed ? 0 : 1;
    }
}
