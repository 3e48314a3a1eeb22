using Caisson.Documents;

namespace Caisson.Compose.Loading;

/// <summary>What a Compose file may hold, attribute by attribute. Source: Compose Specification, schema/compose-spec.json.</summary>
internal static class ComposeSchema
{
    private static readonly Shape Text = ScalarShape.Text;
    private static readonly Shape Whole = ScalarShape.Whole;
    private static readonly Shape Number = ScalarShape.Number;
    private static readonly Shape Flag = ScalarShape.Flag;
    private static readonly Shape Duration = ScalarShape.Duration;
    private static readonly Shape Bytes = ScalarShape.Bytes;
    private static readonly Shape Texts = ListShape.Texts;
    private static readonly Shape TextMap = new MapShape(Text);

    private static readonly Shape Hook = new ObjectShape(ObjectShape.Fields(
        ("command", CommandShape.Command), ("user", Text), ("privileged", Flag), ("working_dir", Text), ("environment", PairsShape.Environment), ("per_replica", Flag), ("image", Text)))
    {
        Required = ["command"],
    };

    private static readonly Shape UpdateConfig = new ObjectShape(ObjectShape.Fields(
        ("parallelism", Whole), ("delay", Duration), ("monitor", Duration), ("max_failure_ratio", Number),
        ("failure_action", ScalarShape.Choice("continue", "pause", "rollback")), ("order", ScalarShape.Choice("start-first", "stop-first"))));

    private static readonly Shape Deploy = new ObjectShape(ObjectShape.Fields(
        ("mode", ScalarShape.Choice("replicated", "global", "replicated-job", "global-job")),
        ("endpoint_mode", Text),
        ("replicas", Whole),
        ("labels", PairsShape.Labels),
        ("update_config", UpdateConfig),
        ("rollback_config", UpdateConfig),
        ("placement", AnyShape.Value),
        ("restart_policy", new ObjectShape(ObjectShape.Fields(
            ("condition", ScalarShape.Choice("none", "on-failure", "any", "always", "unless-stopped")), ("delay", Duration), ("max_attempts", Whole), ("window", Duration)))),
        ("resources", new ObjectShape(ObjectShape.Fields(
            ("limits", new ObjectShape(ObjectShape.Fields(("cpus", Number), ("memory", Bytes), ("pids", Whole)))),
            ("reservations", new ObjectShape(ObjectShape.Fields(("cpus", Number), ("memory", Bytes), ("generic_resources", AnyShape.Value), ("devices", AnyShape.Value)))))))));

    private static readonly Shape Build = new ObjectShape(ObjectShape.Fields(
        ("context", new BuildContextShape()), ("dockerfile", Text), ("dockerfile_inline", Text), ("entitlements", Texts), ("args", PairsShape.Environment), ("ssh", PairsShape.Environment),
        ("labels", PairsShape.Labels), ("cache_from", Texts), ("cache_to", Texts), ("no_cache", Flag), ("additional_contexts", PairsShape.Environment), ("network", Text),
        ("provenance", Text), ("sbom", Text), ("pull", Flag), ("target", Text), ("shm_size", Bytes), ("extra_hosts", new HostsShape()), ("isolation", Text), ("privileged", Flag),
        ("secrets", ServiceShapes.FileReferences("/run/secrets/")), ("tags", Texts), ("ulimits", ServiceShapes.Ulimits), ("platforms", Texts), ("no_cache_filter", Texts)))
    {
        Short = (scalar, _, reading) => new MappingNode(
            [new("context", scalar.Position, BuildContextShape.Resolve(scalar, reading))], scalar.Position),
    };

    private static readonly Shape Develop = new ObjectShape(ObjectShape.Fields(("watch", new ListShape(new ObjectShape(ObjectShape.Fields(
        ("path", ScalarShape.Path), ("action", ScalarShape.Choice("sync", "rebuild", "restart", "sync+restart", "sync+exec")), ("target", Text),
        ("ignore", ListShape.TextOrTexts), ("include", ListShape.TextOrTexts), ("exec", Hook), ("initial_sync", Flag)))
    {
        Required = ["path", "action"],
    }))));

    private static readonly Shape Healthcheck = new ObjectShape(ObjectShape.Fields(
        ("test", CommandShape.Test), ("disable", Flag), ("interval", Duration), ("timeout", Duration), ("retries", Whole), ("start_period", Duration), ("start_interval", Duration)));

    private static readonly Shape BlockRates = new ListShape(new ObjectShape(ObjectShape.Fields(("path", Text), ("rate", Bytes))));

    private static readonly IReadOnlyDictionary<string, Shape> ServiceFields = ObjectShape.Fields(
        ("annotations", PairsShape.Labels), ("attach", Flag), ("build", Build), ("blkio_config", new ObjectShape(ObjectShape.Fields(
            ("weight", Whole), ("weight_device", new ListShape(new ObjectShape(ObjectShape.Fields(("path", Text), ("weight", Whole))))),
            ("device_read_bps", BlockRates), ("device_read_iops", BlockRates), ("device_write_bps", BlockRates), ("device_write_iops", BlockRates)))),
        ("cap_add", Texts), ("cap_drop", Texts), ("cgroup", ScalarShape.Choice("host", "private")), ("cgroup_parent", Text), ("command", CommandShape.Command),
        ("configs", ServiceShapes.FileReferences("/")), ("container_name", Text), ("cpu_count", Whole), ("cpu_percent", Number), ("cpu_shares", Whole),
        ("cpu_quota", new MicrosecondsShape()), ("cpu_period", new MicrosecondsShape()), ("cpu_rt_period", new MicrosecondsShape()), ("cpu_rt_runtime", new MicrosecondsShape()),
        ("cpus", Number), ("cpuset", Text), ("credential_spec", AnyShape.Value), ("depends_on", ServiceShapes.DependsOn), ("deploy", Deploy), ("develop", Develop),
        ("device_cgroup_rules", Texts), ("devices", ServiceShapes.Devices), ("dns", ListShape.TextOrTexts), ("dns_opt", Texts), ("dns_search", ListShape.TextOrTexts),
        ("domainname", Text), ("entrypoint", CommandShape.Command), ("env_file", ServiceShapes.EnvFile), ("environment", PairsShape.Environment), ("expose", Texts),
        ("extends", ServiceShapes.Extends), ("external_links", Texts), ("extra_hosts", new HostsShape()), ("gpus", AnyShape.Value), ("group_add", Texts), ("healthcheck", Healthcheck),
        ("hostname", Text), ("image", Text), ("init", Flag), ("ipc", Text), ("isolation", Text), ("label_file", ListShape.PathOrPaths), ("labels", PairsShape.Labels),
        ("links", Texts), ("logging", new ObjectShape(ObjectShape.Fields(("driver", Text), ("options", TextMap)))), ("mac_address", Text), ("mem_limit", Bytes), ("mem_reservation", Bytes),
        ("mem_swappiness", Whole), ("memswap_limit", ScalarShape.BytesOrUnlimited), ("models", AnyShape.Value), ("network_mode", Text), ("networks", ServiceShapes.Networks),
        ("oom_kill_disable", Flag), ("oom_score_adj", Whole), ("pid", Text), ("pids_limit", Whole), ("platform", Text), ("ports", new PortsShape()), ("post_start", new ListShape(Hook)),
        ("pre_start", new ListShape(Hook)), ("pre_stop", new ListShape(Hook)), ("privileged", Flag), ("profiles", Texts), ("provider", AnyShape.Value), ("pull_policy", Text), ("pull_refresh_after", Text),
        ("read_only", Flag), ("restart", Text), ("runtime", Text), ("scale", Whole), ("secrets", ServiceShapes.FileReferences("/run/secrets/")), ("security_opt", Texts),
        ("shm_size", Bytes), ("stdin_open", Flag), ("stop_grace_period", Duration), ("stop_signal", Text), ("storage_opt", TextMap), ("sysctls", PairsShape.Labels),
        ("tmpfs", ListShape.TextOrTexts), ("tty", Flag), ("ulimits", ServiceShapes.Ulimits), ("use_api_socket", Flag), ("user", Text), ("userns_mode", Text), ("uts", Text),
        ("volumes", new VolumesShape()), ("volumes_from", Texts), ("working_dir", Text));

    private static readonly Shape Network = new ObjectShape(ObjectShape.Fields(
        ("name", Text), ("driver", Text), ("driver_opts", TextMap), ("external", ServiceShapes.External), ("internal", Flag), ("enable_ipv4", Flag), ("enable_ipv6", Flag), ("attachable", Flag),
        ("labels", PairsShape.Labels),
        ("ipam", new ObjectShape(ObjectShape.Fields(("driver", Text), ("options", TextMap), ("config", new ListShape(new ObjectShape(ObjectShape.Fields(
            ("subnet", Text), ("ip_range", Text), ("gateway", Text), ("aux_addresses", TextMap))))))))))
    {
        Complete = ServiceShapes.NameOfExternal,
    };

    private static readonly Shape Volume = new ObjectShape(ObjectShape.Fields(
        ("name", Text), ("driver", Text), ("driver_opts", TextMap), ("external", ServiceShapes.External), ("labels", PairsShape.Labels)))
    {
        Complete = ServiceShapes.NameOfExternal,
    };

    private static readonly Shape Secret = new ObjectShape(ObjectShape.Fields(
        ("name", Text), ("environment", Text), ("file", ScalarShape.Path), ("content", Text), ("external", ServiceShapes.External), ("labels", PairsShape.Labels), ("driver", Text), ("driver_opts", TextMap),
        ("template_driver", Text)))
    {
        Complete = ServiceShapes.NameOfExternal,
    };

    private static readonly Shape Include = new ListShape(new ObjectShape(ObjectShape.Fields(("path", ListShape.PathOrPaths), ("env_file", ListShape.PathOrPaths), ("project_directory", ScalarShape.Path)))
    {
        Required = ["path"],
        Short = (scalar, _, reading) => new MappingNode(
            [new("path", scalar.Position, SequenceNode.Of([reading.Resolve(scalar.Text)], scalar.Position))], scalar.Position),
    });

    /// <summary>A service.</summary>
    public static readonly Shape Service = new ObjectShape(ServiceFields);

    /// <summary>A whole file.</summary>
    public static readonly Shape File = new ObjectShape(ObjectShape.Fields(
        ("version", Text), ("name", Text), ("include", Include), ("services", new MapShape(Service, keepEmpty: true)), ("networks", new MapShape(Network, keepEmpty: true)),
        ("volumes", new MapShape(Volume, keepEmpty: true)), ("secrets", new MapShape(Secret, keepEmpty: true)), ("configs", new MapShape(Secret, keepEmpty: true)), ("models", AnyShape.Value)));
}
