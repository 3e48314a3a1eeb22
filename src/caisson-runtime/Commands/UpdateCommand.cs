using Caisson.Containers.Cgroups;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Oci.Runtime;
using Caisson.Runtime.CommandLine;
using Caisson.Runtime.Running;

namespace Caisson.Runtime.Commands;

/// <summary><c>update ID</c>: other limits for a container that exists.</summary>
internal static class UpdateCommand
{
    public static int Run(Invocation invocation, string[] args)
    {
        string[] names = ResourceFlags.Names.ToArray();
        var arguments = Arguments.Read(args, [.. names.Select(name => $"{name}="), "resources|r="], 1, 1);
        List<Problem> problems = [];
        LinuxResources? change;
        if (arguments.Value("resources") is { } file)
        {
            change = RuntimeSpecJson.ReadResources(Read(file), problems);
            if (change is not null && problems.Count == 0)
            {
                RuntimeSpecRules.CheckResources(change, "", problems);
            }
        }
        else
        {
            change = ResourceFlags.Parse(names.Where(name => arguments.Value(name) is not null).Select(name => KeyValuePair.Create(name, arguments.Value(name)!)), problems);
        }
        ProblemsException.ThrowIfAny("update", problems);

        using var directory = invocation.Root.Open(arguments.Words[0]);
        var state = directory.ReadState();
        if (ContainerView.StatusOf(state) == ContainerStatus.Stopped)
        {
            throw new CaissonException(ErrorKind.Conflict, $"container not running: {directory.Id}");
        }
        var layout = CgroupLayout.Detect();
        var update = CgroupPlan.Update(change!, state.Resources, CgroupHost.FactsOf(layout), problems);
        ProblemsException.ThrowIfAny("update", problems);
        CgroupRunner.Change(update, state.CgroupPaths, layout);
        directory.WriteState(state with { Resources = update.Resources });
        return 0;
    }

    private static byte[] Read(string file)
    {
        if (file != "-")
        {
            return File.ReadAllBytes(file);
        }
        using var input = Console.OpenStandardInput();
        using var content = new MemoryStream();
        input.CopyTo(content);
        return content.ToArray();
    }
}
