using System.Globalization;
using System.Text;
using Caisson.Containers.State;
using Caisson.Oci.Runtime;
using Caisson.Runtime.CommandLine;
using Caisson.Runtime.Running;

namespace Caisson.Runtime.Commands;

/// <summary><c>list</c>.</summary>
internal static class ListCommand
{
    public static int Run(Invocation invocation, string[] args)
    {
        var arguments = Arguments.Read(args, ["format|f=", "quiet|q"], 0, 0);
        var entries = invocation.Root.List().Select(state => (State: state, Status: ContainerView.StatusOf(state), Owner: OwnerOf(state.OwnerUid))).ToList();
        if (arguments.Has("quiet"))
        {
            entries.ForEach(entry => Console.Out.WriteLine(entry.State.Id));
            return 0;
        }
        switch (arguments.Value("format"))
        {
            case "json":
                StandardOutput.Write(RuntimeStateJson.ToListOutput(entries));
                return 0;
            case null or "table":
                WriteTable(entries);
                return 0;
            case var other:
                throw Arguments.Usage($"--format must be table or json, not '{other}'");
        }
    }

    private static void WriteTable(List<(RuntimeState State, ContainerStatus Status, string Owner)> entries)
    {
        List<string[]> rows = [["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]];
        foreach (var (state, status, owner) in entries)
        {
            int pid = status == ContainerStatus.Stopped ? 0 : state.Pid;
            rows.Add(
            [
                state.Id, pid.ToString(CultureInfo.InvariantCulture), RuntimeSpecJson.NameOf(status), state.Bundle, RuntimeStateJson.Stamp(state.Created), owner,
            ]);
        }
        Console.Out.Write(Table(rows));
    }

    /// <summary>Columns as wide as their widest entry, two spaces or more apart.</summary>
    internal static string Table(List<string[]> rows)
    {
        var text = new StringBuilder();
        foreach (string[] row in rows)
        {
            for (int i = 0; i < row.Length; i++)
            {
                int width = rows.Max(other => other[i].Length);
                text.Append(i == row.Length - 1 ? row[i] : row[i].PadRight(Math.Max(width + 2, 12)));
            }
            text.Append('\n');
        }
        return text.ToString();
    }

    private static string OwnerOf(uint uid)
    {
        string mark = $":{uid}:";
        foreach (string line in File.Exists("/etc/passwd") ? File.ReadLines("/etc/passwd") : [])
        {
            string[] fields = line.Split(':');
            if (fields.Length > 2 && $":{fields[2]}:" == mark)
            {
                return fields[0];
            }
        }
        return $"#{uid}";
    }
}
