using Caisson.Errors;
using Caisson.Machines.Full;

namespace Caisson.Control.FullMachines;

public sealed partial class FullMachine
{
    private static readonly TimeSpan SnapshotLimit = TimeSpan.FromMinutes(10);

    private async Task LoadUnlockedAsync(Run run, string tag)
    {
        const string Job = "load";
        await run.Monitor.RunJobAsync(Job, SnapshotStep("snapshot-load", Job, tag, withMemory: true), SnapshotLimit);
    }

    private QmpStep SnapshotStep(string command, string job, string tag, bool withMemory)
    {
        string[] nodes = [.. FullMachinePlan.SnapshotNodes(_record.Config)];
        if (nodes.Length == 0)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"machine {_record.Name} has no disk that could keep a snapshot; attach one (caisson machine attach {_record.Name} --disk 4g)");
        }
        return QmpStep.Of(command, json =>
        {
            json.WriteString("job-id", job);
            json.WriteString("tag", tag);
            if (withMemory)
            {
                json.WriteString("vmstate", nodes[0]);
            }
            json.WriteStartArray("devices");
            foreach (string node in nodes)
            {
                json.WriteStringValue(node);
            }
            json.WriteEndArray();
        });
    }
}
