using Caisson.Api.Grpc;
using Caisson.Control.Hosting;
using Caisson.Control.Model;
using Caisson.Control.Sandboxes;
using Caisson.Control.Workloads;
using Caisson.Errors;

using Google.Protobuf;

namespace Caisson.Api.Cri;

internal sealed partial class RuntimeService
{
    /// <summary>Of what a command writes, so much comes back; the rest is read and thrown away, so that the command can go on.</summary>
    private const int OutputBytesMax = (GrpcFrame.BytesMax / 2) - 1_024;

    private async Task<V1.CreateContainerResponse> CreateContainerAsync(V1.CreateContainerRequest request, CancellationToken cancellation) =>
        new() { ContainerId = await pods.CreateContainerAsync(Required(request.PodSandboxId, "pod_sandbox_id"), CriRequests.Container(request.Config), cancellation) };

    private async Task<V1.StartContainerResponse> StartContainerAsync(V1.StartContainerRequest request, CancellationToken cancellation)
    {
        await pods.StartContainerAsync(request.ContainerId, cancellation);
        return new();
    }

    private async Task<V1.StopContainerResponse> StopContainerAsync(V1.StopContainerRequest request, CancellationToken cancellation)
    {
        await pods.StopContainerAsync(Required(request.ContainerId, "container_id"), request.Timeout, cancellation);
        return new();
    }

    private async Task<V1.RemoveContainerResponse> RemoveContainerAsync(V1.RemoveContainerRequest request, CancellationToken cancellation)
    {
        await pods.RemoveContainerAsync(Required(request.ContainerId, "container_id"), cancellation);
        Forget(request.ContainerId);
        return new();
    }

    private V1.ListContainersResponse ListContainers(V1.ListContainersRequest request)
    {
        var answer = new V1.ListContainersResponse();
        answer.Containers.Add(Containers(request.Filter));
        return answer;
    }

    private async Task StreamContainersAsync(V1.StreamContainersRequest request, GrpcSend<V1.StreamContainersResponse> send, CancellationToken cancellation)
    {
        foreach (V1.Container[] chunk in Containers(request.Filter).Chunk(ChunkItems))
        {
            await send(new V1.StreamContainersResponse { Containers = { chunk } });
        }
    }

    private V1.ContainerStatusResponse ContainerStatus(V1.ContainerStatusRequest request)
    {
        (SandboxContainerRecord record, Workload workload) = pods.FindContainer(request.ContainerId);
        var answer = new V1.ContainerStatusResponse { Status = CriAnswers.Status(record, workload, Services.Images) };
        if (request.Verbose)
        {
            answer.Info["sandboxID"] = record.SandboxId;
            answer.Info["pid"] = workload.Status.Pid.ToString(System.Globalization.CultureInfo.InvariantCulture);
            answer.Info["profile"] = workload.Record.Profile;
        }
        return answer;
    }

    private async Task<V1.UpdateContainerResourcesResponse> UpdateContainerResourcesAsync(V1.UpdateContainerResourcesRequest request, CancellationToken cancellation)
    {
        if (request.Linux is not { } limits)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "linux is empty: there is nothing to change");
        }
        (SandboxContainerRecord record, _) = pods.FindContainer(request.ContainerId);
        V1.ContainerConfig config = CriAnswers.Config(record);
        config.Linux ??= new V1.LinuxContainerConfig();
        config.Linux.Resources ??= new V1.LinuxContainerResources();
        V1.LinuxContainerResources kept = config.Linux.Resources;
        kept.CpuPeriod = limits.CpuPeriod != 0 ? limits.CpuPeriod : kept.CpuPeriod;
        kept.CpuQuota = limits.CpuQuota != 0 ? limits.CpuQuota : kept.CpuQuota;
        kept.CpuShares = limits.CpuShares != 0 ? limits.CpuShares : kept.CpuShares;
        kept.CpusetCpus = limits.CpusetCpus.Length > 0 ? limits.CpusetCpus : kept.CpusetCpus;
        kept.CpusetMems = limits.CpusetMems.Length > 0 ? limits.CpusetMems : kept.CpusetMems;
        kept.MemoryLimitInBytes = limits.MemoryLimitInBytes != 0 ? limits.MemoryLimitInBytes : kept.MemoryLimitInBytes;
        kept.MemorySwapLimitInBytes = limits.MemorySwapLimitInBytes != 0 ? limits.MemorySwapLimitInBytes : kept.MemorySwapLimitInBytes;
        await pods.UpdateContainerAsync(record.Id, CriRequests.Update(limits), config.ToByteArray(), cancellation);
        return new();
    }

    private async Task<V1.ReopenContainerLogResponse> ReopenContainerLogAsync(V1.ReopenContainerLogRequest request, CancellationToken cancellation)
    {
        await pods.FindContainer(request.ContainerId).Workload.ReopenLogAsync(cancellation);
        return new();
    }

    private V1.CheckpointContainerResponse CheckpointContainer(V1.CheckpointContainerRequest request)
    {
        (SandboxContainerRecord record, _) = pods.FindContainer(request.ContainerId);
        throw new CaissonException(ErrorKind.Unimplemented, $"checkpoint container {record.Id}: the state of processes of containers cannot be saved; that of machines can, with caisson machine snapshot");
    }

    private async Task<V1.ExecSyncResponse> ExecSyncAsync(V1.ExecSyncRequest request, CancellationToken cancellation)
    {
        Workload workload = pods.FindContainer(request.ContainerId).Workload;
        if (request.Cmd.Count == 0)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "cmd is empty: there is nothing to run");
        }
        ExecSession session = workload.CreateExec(new ExecConfig { Cmd = [.. request.Cmd], AttachStdout = true, AttachStderr = true });
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        if (request.Timeout > 0)
        {
            late.CancelAfter(TimeSpan.FromSeconds(Math.Min(request.Timeout, int.MaxValue / 1_000)));
        }
        (MemoryStream Stdout, MemoryStream Stderr) output = (new(), new());
        try
        {
            await using Attachment? attachment = await workload.StartExecAsync(session, new AttachOptions(false, true, true), null, cancellation);
            if (attachment is not null)
            {
                await CollectAsync(attachment, output.Stdout, output.Stderr, late.Token);
            }
            await session.Ended.WaitAsync(late.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            session.Kill();
            throw new GrpcException(GrpcStatus.DeadlineExceeded, $"command {string.Join(' ', request.Cmd)} timed out: it ran for more than {request.Timeout} s, and was ended");
        }
        catch (OperationCanceledException)
        {
            session.Kill();
            throw;
        }
        return new()
        {
            Stdout = UnsafeByteOperations.UnsafeWrap(output.Stdout.GetBuffer().AsMemory(0, (int)output.Stdout.Length)),
            Stderr = UnsafeByteOperations.UnsafeWrap(output.Stderr.GetBuffer().AsMemory(0, (int)output.Stderr.Length)),
            ExitCode = session.ExitCode ?? 0,
        };
    }

    private static async Task CollectAsync(Attachment attachment, MemoryStream stdout, MemoryStream stderr, CancellationToken cancellation)
    {
        var split = new Kubernetes.RemoteCommand.OutputFrames();
        byte[] buffer = new byte[32 << 10];
        int count;
        while ((count = await attachment.ReadAsync(buffer, cancellation)) > 0)
        {
            for (int at = 0; at < count;)
            {
                (bool isError, int length) = split.Next(buffer, ref at, count);
                MemoryStream to = isError ? stderr : stdout;
                to.Write(buffer, at - length, (int)Math.Min(length, OutputBytesMax - to.Length));
            }
        }
    }

    private async Task<V1.ExecResponse> ExecAsync(V1.ExecRequest request, CancellationToken cancellation)
    {
        Workload workload = pods.FindContainer(request.ContainerId).Workload;
        if (request.Cmd.Count == 0)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "cmd is empty: there is nothing to run");
        }
        CheckStreams(request.Tty, request.Stdin, request.Stdout, request.Stderr);
        RequireRunning(workload);
        return new() { Url = await streams.AddAsync("exec", new StreamServer.Command(workload, [.. request.Cmd], request.Stdin, request.Stdout, request.Stderr, request.Tty)) };
    }

    private async Task<V1.AttachResponse> AttachAsync(V1.AttachRequest request, CancellationToken cancellation)
    {
        Workload workload = pods.FindContainer(request.ContainerId).Workload;
        CheckStreams(request.Tty, request.Stdin, request.Stdout, request.Stderr);
        RequireRunning(workload);
        return new() { Url = await streams.AddAsync("attach", new StreamServer.Command(workload, null, request.Stdin, request.Stdout, request.Stderr, request.Tty)) };
    }

    private async Task<V1.PortForwardResponse> PortForwardAsync(V1.PortForwardRequest request, CancellationToken cancellation)
    {
        PodSandbox sandbox = pods.Find(request.PodSandboxId);
        if (!sandbox.IsReady)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"pod sandbox {sandbox.Id} is not ready");
        }
        return new() { Url = await streams.AddAsync("portforward", new StreamServer.Ports(sandbox.Id, [.. request.Port])) };
    }

    private static void RequireRunning(Workload workload)
    {
        if (!workload.Status.HasProcess)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"container {workload.Id} does not run");
        }
    }

    /// <summary>What the interface says of these: a terminal has no stream of errors, and something must be asked for.</summary>
    private static void CheckStreams(bool tty, bool stdin, bool stdout, bool stderr)
    {
        if (tty && stderr)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "tty and stderr exclude each other: errors of a terminal are output");
        }
        if (!stdin && !stdout && !stderr)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "none of stdin, stdout and stderr is asked for");
        }
    }

    private IEnumerable<V1.Container> Containers(V1.ContainerFilter? filter) => pods.Containers()
        .Where(one => filter is null
            || ((filter.Id.Length == 0 || one.Record.Id.StartsWith(filter.Id, StringComparison.Ordinal))
                && (filter.PodSandboxId.Length == 0 || one.Record.SandboxId.StartsWith(filter.PodSandboxId, StringComparison.Ordinal))
                && (filter.State is null || filter.State.State == CriAnswers.StateOf(one.Workload))
                && Has(one.Record.Labels, filter.LabelSelector)))
        .OrderByDescending(one => one.Record.Created)
        .Select(one => CriAnswers.Listed(one.Record, one.Workload));
}
