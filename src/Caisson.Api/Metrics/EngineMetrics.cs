using System.Diagnostics;

using Caisson.Control.Hosting;
using Caisson.Control.Listing;
using Caisson.Control.Model;
using Caisson.Control.Orchestration;
using Caisson.Control.Workloads;
using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Objects;

namespace Caisson.Api.Metrics;

/// <summary>What the engine, containers, machines and services use and are, under the names that dashboards know from cAdvisor and kube-state-metrics.</summary>
internal sealed class EngineMetrics(ContainerEngine engine, Orchestrator? orchestrator)
{
    private const double NanosecondsInSecond = 1e9;

    private static readonly string[] States = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];
    private static readonly string[] Phases = ["Pending", "Running", "Succeeded", "Failed", "Unknown"];

    /// <summary>The page of this moment.</summary>
    public string Read()
    {
        var text = new MetricsText();
        WriteEngine(text);
        IReadOnlyList<Workload> all = engine.List();
        WriteCounts(text, all);
        WriteContainers(text, [.. all.Where(workload => workload.Status.HasProcess).Select(Sample.Of).OfType<Sample>()]);
        if (orchestrator is not null)
        {
            WriteObjects(text, orchestrator.Objects);
        }
        return text.ToString();
    }

    private static void WriteEngine(MetricsText text)
    {
        using Process process = Process.GetCurrentProcess();
        text.Gauge("caisson_build_info", "The engine's version.").Add(1, ("version", ProductVersion.Text));
        text.Counter("process_cpu_seconds_total", "Processor time of the engine.").Add(process.TotalProcessorTime.TotalSeconds);
        text.Gauge("process_resident_memory_bytes", "Memory of the engine that is resident.").Add(process.WorkingSet64);
        text.Gauge("process_open_fds", "Open file descriptors of the engine.").Add(Directory.GetFiles("/proc/self/fd").Length);
        text.Gauge("process_start_time_seconds", "When the engine started, since 1970.").Add(new DateTimeOffset(process.StartTime).ToUnixTimeMilliseconds() / 1e3);
    }

    private void WriteCounts(MetricsText text, IReadOnlyList<Workload> all)
    {
        MetricsText.Family containers = text.Gauge("caisson_containers", "Containers, and images that run as machines, by state.");
        foreach (string state in States)
        {
            containers.Add(all.Count(workload => ContainerList.StateOf(workload.Status) == state), ("state", state));
        }
        MetricsText.Family machines = text.Gauge("caisson_machines", "Machines with an operating system of their own, by state.");
        foreach (var group in engine.FullMachines.List().GroupBy(machine => machine.Status.Phase.ToString().ToLowerInvariant()))
        {
            machines.Add(group.Count(), ("state", group.Key));
        }
        text.Gauge("caisson_images", "Images in the store.").Add(engine.Services.Images.List().Count);
        text.Gauge("caisson_volumes", "Volumes.").Add(engine.Services.Volumes.List().Count);
        text.Gauge("caisson_networks", "Networks.").Add(engine.Services.Networks.List().Count);
    }

    private static void WriteContainers(MetricsText text, IReadOnlyList<Sample> running)
    {
        Each(text.Counter("container_cpu_usage_seconds_total", "Processor time."), sample => sample.Usage.CpuTotalNs / NanosecondsInSecond);
        Each(text.Counter("container_cpu_system_seconds_total", "Processor time in the kernel."), sample => sample.Usage.CpuKernelNs / NanosecondsInSecond);
        Each(text.Counter("container_cpu_user_seconds_total", "Processor time in user mode."), sample => sample.Usage.CpuUserNs / NanosecondsInSecond);
        Each(text.Counter("container_cpu_cfs_throttled_seconds_total", "Time spent waiting because a quota was used up."), sample => sample.Usage.ThrottledTimeNs / NanosecondsInSecond);
        Each(text.Gauge("container_memory_usage_bytes", "Memory, page cache included."), sample => sample.Usage.MemoryBytes);
        Each(
            text.Gauge("container_memory_working_set_bytes", "Memory without cache that is not in active use."),
            sample => sample.Usage.MemoryBytes - Math.Min(sample.Usage.MemoryBytes, sample.Usage.MemoryInactiveFileBytes));
        Each(text.Gauge("container_spec_memory_limit_bytes", "The memory limit; 0 without one."), sample => sample.Usage.MemoryLimitBytes ?? 0);
        Each(text.Gauge("container_threads", "Tasks."), sample => sample.Usage.Pids);
        Each(text.Gauge("container_start_time_seconds", "When it started, since 1970."), sample => sample.Started);
        Each(text.Counter("container_restarts_total", "How often its restart policy started it."), sample => sample.Restarts);
        Each(text.Counter("container_fs_reads_bytes_total", "Bytes read from block devices."), sample => sample.Usage.Blocks.Sum(block => (double)block.ReadBytes));
        Each(text.Counter("container_fs_writes_bytes_total", "Bytes written to block devices."), sample => sample.Usage.Blocks.Sum(block => (double)block.WrittenBytes));
        EachInterface(text.Counter("container_network_receive_bytes_total", "Bytes received."), one => one.ReceivedBytes);
        EachInterface(text.Counter("container_network_receive_packets_total", "Packets received."), one => one.ReceivedPackets);
        EachInterface(text.Counter("container_network_transmit_bytes_total", "Bytes sent."), one => one.SentBytes);
        EachInterface(text.Counter("container_network_transmit_packets_total", "Packets sent."), one => one.SentPackets);

        void Each(MetricsText.Family family, Func<Sample, double> figure)
        {
            foreach (Sample sample in running)
            {
                family.Add(figure(sample), sample.Labels);
            }
        }

        void EachInterface(MetricsText.Family family, Func<InterfaceUsage, double> figure)
        {
            foreach (Sample sample in running)
            {
                foreach (InterfaceUsage one in sample.Usage.Interfaces)
                {
                    family.Add(figure(one), [.. sample.Labels, ("interface", one.Name)]);
                }
            }
        }
    }

    private static void WriteObjects(MetricsText text, ObjectStore objects)
    {
        MetricsText.Family phases = text.Gauge("kube_pod_status_phase", "1 for the phase that a pod is in.");
        foreach (KubernetesObject pod in objects.List("Pod"))
        {
            foreach (string phase in Phases)
            {
                phases.Add(pod.Status.Text("phase") == phase ? 1 : 0, ("namespace", pod.Namespace), ("pod", pod.Name), ("phase", phase));
            }
        }
        Replicas("deployment", "Deployment");
        Replicas("statefulset", "StatefulSet");
        Replicas("replicaset", "ReplicaSet");

        void Replicas(string label, string kind)
        {
            IReadOnlyList<KubernetesObject> all = objects.List(kind);
            Each(text.Gauge($"kube_{label}_spec_replicas", "Pods that are wanted."), one => one.Spec.Whole("replicas") ?? 1);
            Each(text.Gauge($"kube_{label}_status_replicas", "Pods that there are."), one => one.Status.Whole("replicas") ?? 0);
            Each(text.Gauge($"kube_{label}_status_replicas_ready", "Pods that are ready."), one => one.Status.Whole("readyReplicas") ?? 0);

            void Each(MetricsText.Family family, Func<KubernetesObject, double> figure)
            {
                foreach (KubernetesObject one in all)
                {
                    family.Add(figure(one), ("namespace", one.Namespace), (label, one.Name));
                }
            }
        }
    }

    /// <summary>A container at this moment.</summary>
    private sealed record Sample((string Name, string Value)[] Labels, ContainerUsage Usage, double Started, int Restarts)
    {
        public static Sample? Of(Workload workload)
        {
            try
            {
                return workload.ReadUsage() is { } usage
                    ? new Sample(LabelsOf(workload.Record), usage, (workload.Status.StartedAt?.ToUnixTimeMilliseconds() ?? 0) / 1e3, workload.Status.RestartCount) : null;
            }
            catch (Exception error) when (error is CaissonException or IOException)
            {
                return null; // it has ended meanwhile
            }
        }

        private static (string Name, string Value)[] LabelsOf(ContainerRecord record)
        {
            IReadOnlyDictionary<string, string> labels = record.Config.Labels ?? new Dictionary<string, string>();
            return
            [
                ("id", record.Id), ("name", record.Name), ("image", record.Config.Image), ("runtime", record.HostConfig.Runtime == "vm" ? "vm" : "container"),
                ("namespace", labels.GetValueOrDefault(PodPlan.PodNamespace, "")), ("pod", labels.GetValueOrDefault(PodPlan.PodName, "")),
                ("container", labels.GetValueOrDefault(PodPlan.ContainerName, "")),
            ];
        }
    }
}
