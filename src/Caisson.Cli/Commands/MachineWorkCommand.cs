using System.Globalization;

using Caisson.Cli.CommandLine;
using Caisson.Client.Machines;
using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <summary>What takes long with machines: says how far it is on a terminal, and prints its result.</summary>
internal abstract class MachineWorkCommand : Command
{
    private readonly SwitchOption _quiet;

    protected MachineWorkCommand() => _quiet = Switch("quiet", "Say nothing of the progress", 'q');

    public sealed override int Run(Session session)
    {
        string last = "";
        MachineWork work = Act(session, (text, part) =>
        {
            string line = part < 0 ? text : string.Create(CultureInfo.InvariantCulture, $"{text}: {part * 100:0} %");
            // A line for each word, and on its way each tenth of it.
            string mark = part < 0 ? text : string.Create(CultureInfo.InvariantCulture, $"{text} {(int)(part * 10)}");
            if (!_quiet.Value && mark != last)
            {
                last = mark;
                session.Error.WriteLine(line);
                session.Flush();
            }
        });
        foreach (string note in work.Notes)
        {
            session.Error.WriteLine(note);
        }
        session.Out.WriteLine(work.Result);
        return 0;
    }

    /// <summary>Does it.</summary>
    /// <param name="session">The session.</param>
    /// <param name="progress">Told what is done, and the part; negative when nobody knows.</param>
    protected abstract MachineWork Act(Session session, Action<string, double> progress);

    /// <summary>The path of a word, as the engine on this host sees it.</summary>
    protected static string Absolute(string path) => path.Length == 0 ? throw new CaissonException(ErrorKind.InvalidArgument, "a path is needed") : Path.GetFullPath(path);
}
