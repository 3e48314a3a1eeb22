using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Objects;
using Caisson.Kubernetes.Schema;

namespace Caisson.Control.Orchestration;

public sealed partial class Orchestrator
{
    private readonly SemaphoreSlim _servicesTouched = new(0);
    private readonly List<TaskCompletionSource> _settled = [];
    private int _touches;

    /// <summary>Waits until what services send is as pods are now.</summary>
    /// <returns>Whether any service sends to the pod's kind of pods at all.</returns>
    internal async Task<bool> ServicesSettledAsync(KubernetesObject pod)
    {
        if (!Objects.List("Service", pod.Namespace).Any(service => LabelSelector.ReadMap(service.Spec.Field("selector")) is { IsEmpty: false } selector && selector.Fits(pod.Labels)))
        {
            return false;
        }
        TaskCompletionSource settled = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_settled)
        {
            _settled.Add(settled);
        }
        TouchServices();
        await Task.WhenAny(settled.Task, Task.Delay(TimeSpan.FromSeconds(5), _end.Token));
        return true;
    }

    /// <summary>Services, pods or policies changed: rules and names are written anew, once for many changes.</summary>
    private void TouchServices()
    {
        if (Interlocked.Exchange(ref _touches, 1) == 0)
        {
            _servicesTouched.Release();
        }
    }

    private async Task ServiceLoopAsync()
    {
        while (true)
        {
            try
            {
                await _servicesTouched.WaitAsync(_end.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            TaskCompletionSource[] waiting;
            lock (_settled)
            {
                waiting = [.. _settled];
                _settled.Clear();
            }
            Volatile.Write(ref _touches, 0);
            try
            {
                WriteServices();
            }
#pragma warning disable CA1031 // services that cannot be written now are written at the next change; the loop must not end
            catch (Exception error)
#pragma warning restore CA1031
            {
                if (!IsStopping)
                {
                    Engine.Services.Log.Warn($"services: {(error is CaissonException ? error.Message : error.ToString())}");
                }
            }
            Array.ForEach(waiting, one => one.TrySetResult());
        }
    }

    private void WriteServices()
    {
        IReadOnlyList<KubernetesObject> services = Objects.List("Service");
        IReadOnlyList<KubernetesObject> pods = Objects.List("Pod");
        if (Engine.Services.Networks.List().FirstOrDefault(network => network.Name == NetworkName) is { } network)
        {
            Engine.Services.Networks.SetServices(network.Id, ServicePlanner.Plan(new(services, pods, Objects.List("NetworkPolicy"), Objects.List("Namespace"))));
        }
        foreach (KubernetesObject service in services.Where(service => !LabelSelector.ReadMap(service.Spec.Field("selector")).IsEmpty))
        {
            KubernetesObject wanted = ServicePlanner.Endpoints(service, pods);
            try
            {
                if (Objects.Find(new(ResourceKind.Of("Endpoints"), service.Namespace, service.Name)) is not { } there)
                {
                    _ = Objects.Create(wanted);
                }
                else if (!there.Tree["subsets"].Same(wanted.Tree["subsets"]))
                {
                    _ = Objects.Update(wanted);
                }
            }
            catch (CaissonException error) when (error.Kind is ErrorKind.PermissionDenied or ErrorKind.NotFound)
            {
                // The namespace is going, and the service with it.
            }
        }
    }
}
