using Caisson.Control.Model;

namespace Caisson.Control.FullMachines;

public sealed partial class FullMachine
{
    /// <summary>Does something with the machine's files while it does not run and nothing of it changes.</summary>
    /// <param name="what">The word for it, for messages: <c>export</c>.</param>
    /// <param name="work">Given the machine as it is.</param>
    /// <param name="cancellation">Gives up waiting for its turn.</param>
    internal async Task RunStoppedAsync(string what, Func<FullMachineRecord, Task> work, CancellationToken cancellation)
    {
        using (await EnterAsync(cancellation))
        {
            RequireUsable();
            RequireStopped(what);
            await work(_record);
        }
    }
}
