using Caisson.Control.Hosting;
using Caisson.Errors;
using Caisson.Oci.Runtime;

namespace Caisson.Engine;

/// <summary>The host of a build without a container runtime: nothing runs, and every attempt says so.</summary>
internal sealed class AbsentHost : IContainerHost
{
    public Task<IMonitoredProcess> StartAsync(ContainerLaunch launch, CancellationToken cancellationToken) => throw Absent();

    public Task<IMonitoredProcess> ExecAsync(ExecLaunch launch, CancellationToken cancellationToken) => throw Absent();

    public Task<IMonitoredProcess?> ReopenAsync(string id, CancellationToken cancellationToken) => Task.FromResult<IMonitoredProcess?>(null);

    public bool TrySignal(string id, int signal) => false;

    public Task PauseAsync(string id, CancellationToken cancellationToken) => throw Absent();

    public Task ResumeAsync(string id, CancellationToken cancellationToken) => throw Absent();

    public ContainerUsage ReadUsage(string id) => throw Absent();

    public IReadOnlyList<int> Processes(string id) => throw Absent();

    public void Update(string id, LinuxResources resources) => throw Absent();

    public string Explain(ContainerLaunch launch) => throw Absent();

    public Task RemoveAsync(string id, CancellationToken cancellationToken) => Task.CompletedTask;

    private static CaissonException Absent() =>
        new(ErrorKind.Unimplemented, "this build of caissond has no container runtime: images can be managed, containers cannot run");
}
