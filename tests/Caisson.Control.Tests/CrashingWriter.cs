using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

using Caisson.Control.State;

namespace Caisson.Control.Tests;

/// <summary>When the suite starts itself with a database in its environment it becomes a writer that never ends.</summary>
internal static class CrashingWriter
{
    public const string Variable = "CAISSON_TEST_CRASHING_WRITER";

#pragma warning disable CA2255 // the test framework owns Main; this is the one place that comes before it
    [ModuleInitializer]
#pragma warning restore CA2255
    public static void RunIfAsked()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { } database)
        {
            return;
        }
        using SqliteStateStore store = SqliteStateStore.Open(database);
        int number = store.Find("crash", "last") is { } last ? int.Parse(Encoding.UTF8.GetString(last), CultureInfo.InvariantCulture) : 0;
        using Stream output = Console.OpenStandardOutput();
        while (true)
        {
            byte[] text = Encoding.UTF8.GetBytes((++number).ToString(CultureInfo.InvariantCulture));
            Durability durability = number % 2 == 0 ? Durability.Power : Durability.Process;
            store.Commit(durability, new StateChange().Put("crash", "last", text).Put("crash", "pair", text).Append(text));
            output.Write([.. text, (byte)'\n']);
        }
    }
}
