using Caisson.Api.Grpc;
using Caisson.Control.Sandboxes;
using Caisson.Control.Workloads;
using Caisson.Errors;

using Google.Protobuf.Collections;

namespace Caisson.Api.Cri;

/// <summary>The runtime's half of the Container Runtime Interface, v1.</summary>
internal sealed partial class RuntimeService(PodSandboxes pods, StreamServer streams)
{
    private const string Name = "caisson";
    private const string ApiVersion = "v1";
    private const string KubeletApiVersion = "0.1.0";

    /// <summary>How many of a list go into one message of a stream.</summary>
    private const int ChunkItems = 100;

    private ContainerEngine Engine => pods.Engine;

    private EngineServices Services => pods.Engine.Services;

    /// <summary>Adds every call.</summary>
    public void AddTo(GrpcMethods.Builder methods) => methods.Service("runtime.v1.RuntimeService")
        .Unary("Version", V1.VersionRequest.Parser, Version)
        .Unary("Status", V1.StatusRequest.Parser, Status)
        .Unary("RuntimeConfig", V1.RuntimeConfigRequest.Parser, RuntimeConfig)
        .Unary("UpdateRuntimeConfig", V1.UpdateRuntimeConfigRequest.Parser, UpdateRuntimeConfig)
        .Unary("RunPodSandbox", V1.RunPodSandboxRequest.Parser, RunPodSandboxAsync)
        .Unary("StopPodSandbox", V1.StopPodSandboxRequest.Parser, StopPodSandboxAsync)
        .Unary("RemovePodSandbox", V1.RemovePodSandboxRequest.Parser, RemovePodSandboxAsync)
        .Unary("PodSandboxStatus", V1.PodSandboxStatusRequest.Parser, PodSandboxStatusAsync)
        .Unary("ListPodSandbox", V1.ListPodSandboxRequest.Parser, ListPodSandbox)
        .Stream<V1.StreamPodSandboxesRequest, V1.StreamPodSandboxesResponse>("StreamPodSandboxes", V1.StreamPodSandboxesRequest.Parser, StreamPodSandboxesAsync)
        .Unary("UpdatePodSandboxResources", V1.UpdatePodSandboxResourcesRequest.Parser, UpdatePodSandboxResources)
        .Unary("CreateContainer", V1.CreateContainerRequest.Parser, CreateContainerAsync)
        .Unary("StartContainer", V1.StartContainerRequest.Parser, StartContainerAsync)
        .Unary("StopContainer", V1.StopContainerRequest.Parser, StopContainerAsync)
        .Unary("RemoveContainer", V1.RemoveContainerRequest.Parser, RemoveContainerAsync)
        .Unary("ListContainers", V1.ListContainersRequest.Parser, ListContainers)
        .Stream<V1.StreamContainersRequest, V1.StreamContainersResponse>("StreamContainers", V1.StreamContainersRequest.Parser, StreamContainersAsync)
        .Unary("ContainerStatus", V1.ContainerStatusRequest.Parser, ContainerStatus)
        .Unary("UpdateContainerResources", V1.UpdateContainerResourcesRequest.Parser, UpdateContainerResourcesAsync)
        .Unary("ReopenContainerLog", V1.ReopenContainerLogRequest.Parser, ReopenContainerLogAsync)
        .Unary("CheckpointContainer", V1.CheckpointContainerRequest.Parser, CheckpointContainer)
        .Unary("ExecSync", V1.ExecSyncRequest.Parser, ExecSyncAsync)
        .Unary("Exec", V1.ExecRequest.Parser, ExecAsync)
        .Unary("Attach", V1.AttachRequest.Parser, AttachAsync)
        .Unary("PortForward", V1.PortForwardRequest.Parser, PortForwardAsync)
        .Unary("ContainerStats", V1.ContainerStatsRequest.Parser, ContainerStats)
        .Unary("ListContainerStats", V1.ListContainerStatsRequest.Parser, ListContainerStats)
        .Stream<V1.StreamContainerStatsRequest, V1.StreamContainerStatsResponse>("StreamContainerStats", V1.StreamContainerStatsRequest.Parser, StreamContainerStatsAsync)
        .Unary("PodSandboxStats", V1.PodSandboxStatsRequest.Parser, PodSandboxStats)
        .Unary("ListPodSandboxStats", V1.ListPodSandboxStatsRequest.Parser, ListPodSandboxStats)
        .Stream<V1.StreamPodSandboxStatsRequest, V1.StreamPodSandboxStatsResponse>("StreamPodSandboxStats", V1.StreamPodSandboxStatsRequest.Parser, StreamPodSandboxStatsAsync)
        .Stream<V1.GetEventsRequest, V1.ContainerEventResponse>("GetContainerEvents", V1.GetEventsRequest.Parser, GetContainerEventsAsync)
        .Unary("ListMetricDescriptors", V1.ListMetricDescriptorsRequest.Parser, ListMetricDescriptors)
        .Unary("ListPodSandboxMetrics", V1.ListPodSandboxMetricsRequest.Parser, ListPodSandboxMetrics)
        .Stream<V1.StreamPodSandboxMetricsRequest, V1.StreamPodSandboxMetricsResponse>("StreamPodSandboxMetrics", V1.StreamPodSandboxMetricsRequest.Parser, StreamPodSandboxMetricsAsync);

    private static V1.VersionResponse Version(V1.VersionRequest request) =>
        new() { Version = KubeletApiVersion, RuntimeName = Name, RuntimeVersion = ProductVersion.Text, RuntimeApiVersion = ApiVersion };

    private V1.StatusResponse Status(V1.StatusRequest request)
    {
        var network = new V1.RuntimeCondition { Type = "NetworkReady", Status = true };
        try
        {
            pods.RequireNetwork();
        }
        catch (CaissonException error)
        {
            (network.Status, network.Reason, network.Message) = (false, "NetworkPluginNotReady", error.Message);
        }
        var answer = new V1.StatusResponse
        {
            Status = new V1.RuntimeStatus { Conditions = { new V1.RuntimeCondition { Type = "RuntimeReady", Status = true }, network } },
            Features = new V1.RuntimeFeatures { SupplementalGroupsPolicy = true },
        };
        foreach (string handler in (ReadOnlySpan<string>)["", "container"])
        {
            answer.RuntimeHandlers.Add(new V1.RuntimeHandler
            {
                Name = handler,
                Features = new V1.RuntimeHandlerFeatures { RecursiveReadOnlyMounts = true, UserNamespaces = true },
            });
        }
        answer.RuntimeHandlers.Add(new V1.RuntimeHandler { Name = SandboxPlan.MachineHandler, Features = new V1.RuntimeHandlerFeatures() });
        if (request.Verbose)
        {
            answer.Info["network"] = pods.Network.OwnNetwork ? "caisson" : pods.Network.Configurations;
            answer.Info["plugins"] = string.Join(':', pods.Network.Plugins);
            answer.Info["root"] = Services.Root;
            answer.Info["cgroupVersion"] = Services.Facts.CgroupVersion;
        }
        return answer;
    }

    private static V1.RuntimeConfigResponse RuntimeConfig(V1.RuntimeConfigRequest request) =>
        new() { Linux = new V1.LinuxRuntimeConfiguration { CgroupDriver = V1.CgroupDriver.Cgroupfs } };

    /// <summary>The addresses of the node's pods are the network add-on's matter: it hears of them from the cluster.</summary>
    private static V1.UpdateRuntimeConfigResponse UpdateRuntimeConfig(V1.UpdateRuntimeConfigRequest request) => new();

    private async Task<V1.RunPodSandboxResponse> RunPodSandboxAsync(V1.RunPodSandboxRequest request, CancellationToken cancellation) =>
        new() { PodSandboxId = await pods.RunAsync(CriRequests.Sandbox(request.Config, request.RuntimeHandler), cancellation) };

    private async Task<V1.StopPodSandboxResponse> StopPodSandboxAsync(V1.StopPodSandboxRequest request, CancellationToken cancellation)
    {
        await pods.StopAsync(Required(request.PodSandboxId, "pod_sandbox_id"), cancellation);
        return new();
    }

    private async Task<V1.RemovePodSandboxResponse> RemovePodSandboxAsync(V1.RemovePodSandboxRequest request, CancellationToken cancellation)
    {
        foreach ((SandboxContainerRecord record, _) in pods.ContainersOf(request.PodSandboxId))
        {
            Forget(record.Id);
        }
        await pods.RemoveAsync(Required(request.PodSandboxId, "pod_sandbox_id"), cancellation);
        Forget(request.PodSandboxId);
        return new();
    }

    private async Task<V1.PodSandboxStatusResponse> PodSandboxStatusAsync(V1.PodSandboxStatusRequest request, CancellationToken cancellation)
    {
        PodSandbox sandbox = pods.Find(request.PodSandboxId);
        var answer = new V1.PodSandboxStatusResponse { Status = CriAnswers.Status(sandbox), Timestamp = CriAnswers.Time(Services.Time.GetUtcNow()) };
        answer.ContainersStatuses.Add(pods.ContainersOf(sandbox.Id).Select(one => CriAnswers.Status(one.Record, one.Workload, Services.Images)));
        if (request.Verbose)
        {
            answer.Info["pid"] = (sandbox.Holder?.Status.Pid ?? 0).ToString(System.Globalization.CultureInfo.InvariantCulture);
            answer.Info["networkResult"] = sandbox.Record.NetworkResult;
            try
            {
                answer.Info["networkCheck"] = await pods.CheckNetworkAsync(sandbox.Id, cancellation) ? "ok" : "none";
            }
            catch (CaissonException error)
            {
                answer.Info["networkCheck"] = error.Message;
            }
        }
        return answer;
    }

    private V1.ListPodSandboxResponse ListPodSandbox(V1.ListPodSandboxRequest request)
    {
        var answer = new V1.ListPodSandboxResponse();
        answer.Items.Add(Sandboxes(request.Filter));
        return answer;
    }

    private async Task StreamPodSandboxesAsync(V1.StreamPodSandboxesRequest request, GrpcSend<V1.StreamPodSandboxesResponse> send, CancellationToken cancellation)
    {
        foreach (V1.PodSandbox[] chunk in Sandboxes(request.Filter).Chunk(ChunkItems))
        {
            await send(new V1.StreamPodSandboxesResponse { PodSandboxes = { chunk } });
        }
    }

    private V1.UpdatePodSandboxResourcesResponse UpdatePodSandboxResources(V1.UpdatePodSandboxResourcesRequest request)
    {
        // The pod's own control group is the kubelet's; what is told here is kept with the sandbox.
        PodSandbox sandbox = pods.Find(request.PodSandboxId);
        V1.PodSandboxConfig config = CriAnswers.Config(sandbox.Record);
        config.Linux ??= new V1.LinuxPodSandboxConfig();
        config.Linux.Overhead = request.Overhead ?? config.Linux.Overhead;
        config.Linux.Resources = request.Resources ?? config.Linux.Resources;
        pods.SetDocument(sandbox.Id, Google.Protobuf.MessageExtensions.ToByteArray(config));
        return new();
    }

    private IEnumerable<V1.PodSandbox> Sandboxes(V1.PodSandboxFilter? filter) => pods.List()
        .Where(sandbox => filter is null
            || ((filter.Id.Length == 0 || sandbox.Id.StartsWith(filter.Id, StringComparison.Ordinal))
                && (filter.State is null || (filter.State.State == V1.PodSandboxState.SandboxReady) == sandbox.IsReady)
                && Has(sandbox.Record.Request.Labels, filter.LabelSelector)))
        .OrderByDescending(sandbox => sandbox.Record.Created)
        .Select(CriAnswers.Listed);

    private static bool Has(IReadOnlyDictionary<string, string> labels, MapField<string, string> wanted)
    {
        foreach (KeyValuePair<string, string> label in wanted)
        {
            if (!labels.TryGetValue(label.Key, out string? value) || value != label.Value)
            {
                return false;
            }
        }
        return true;
    }

    private static string Required(string id, string field) =>
        id.Length > 0 ? id : throw new CaissonException(ErrorKind.InvalidArgument, $"{field} is empty");
}
