using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Client;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson check</c></summary>
internal sealed class CheckCommand : Command
{
    private readonly SwitchOption _repair;

    public CheckCommand() => _repair = Switch("repair", "Remove what is damaged; what is whole and in use stays");

    public override string Usage => "[OPTIONS]";

    public override string Details =>
        "Every blob is hashed; images, layers and containers are followed from one to the other. Exit code 1: something is damaged.";

    public override IReadOnlyList<string> Examples => ["check", "check --repair"];

    public override int Run(Session session)
    {
        using var answer = session.Engine.CheckStore(_repair.Value);
        foreach (string problem in answer.RootElement.Texts("Problems"))
        {
            session.Out.WriteLine(DisplayText.Printable(problem));
        }
        foreach (string repaired in answer.RootElement.Texts("Repaired"))
        {
            session.Out.WriteLine($"repaired: {DisplayText.Printable(repaired)}");
        }
        int problems = answer.RootElement.Texts("Problems").Count;
        session.Out.WriteLine($"{answer.RootElement.Number("Images")} images, {answer.RootElement.Number("Blobs")} blobs, "
            + $"{answer.RootElement.Number("Layers")} layers: {(problems == 0 ? "all whole" : $"{problems} problems")}");
        return problems == 0 || _repair.Value ? 0 : 1;
    }
}
