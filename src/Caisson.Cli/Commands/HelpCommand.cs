using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson help</c></summary>
internal sealed class HelpCommand : Command
{
    public override string Usage => "[COMMAND]";

    public override IReadOnlyList<string> Examples => ["help run", "help image bootstrap"];

    public override (int Min, int Max) ArgumentCount => (0, 3);

    public override int Run(Session session)
    {
        if (Arguments.Count == 0)
        {
            HelpPage.WriteOverview(session.Out);
            return 0;
        }
        if (CommandTable.IsGroup(string.Join(' ', Arguments)))
        {
            HelpPage.WriteGroup(session.Out, string.Join(' ', Arguments));
            return 0;
        }
        var entry = CommandTable.Find(Arguments.ToArray(), out string path, out _)
            ?? throw new UsageException($"there is no command '{path}'", exitCode: 1);
        HelpPage.Write(session.Out, entry, entry.Create(), session.Width);
        return 0;
    }
}
