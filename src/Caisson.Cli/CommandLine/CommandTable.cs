using Caisson.Cli.Commands;
using Caisson.Cli.Orchestrating;
using Caisson.Client.Secrets;

namespace Caisson.Cli.CommandLine;

/// <summary>Every command there is.</summary>
internal static class CommandTable
{
    private const string Common = "Common commands";
    private const string Containers = "Containers";
    private const string Images = "Images";
    private const string Registries = "Registries";
    private const string Networks = "Networks";
    private const string Volumes = "Volumes";
    private const string Secrets = "Secrets and configs";
    private const string Machines = "Machines";
    private const string Compose = "Compose projects";
    private const string Services = "Services (Kubernetes)";
    private const string Engine = "Engine";

    /// <summary>Headings of the overview, in order.</summary>
    public static readonly string[] Groups = [Common, Containers, Images, Registries, Networks, Volumes, Secrets, Machines, Compose, Services, Engine];

    /// <summary>First words that only lead to others.</summary>
    public static readonly string[] Words = ["container", "image", "builder", "network", "volume", "secret", "config", "kernel", "machine", "compose", "engine", "registry", "rollout", "system"];

    /// <summary>First two words that only lead to others.</summary>
    public static readonly string[] Pairs = ["image trust", "volume snapshot"];

    public static readonly CommandEntry[] Entries =
    [
        new(Common, ["run", "container run"], "Create and run a new container from an image", () => new RunCommand()),
        new(Common, ["exec", "container exec"], "Execute a command in a running container", () => new ExecCommand()),
        new(Common, ["ps", "container ls", "container list", "container ps"], "List containers", () => new PsCommand()),
        new(Common, ["images", "image ls", "image list"], "List images", () => new ImagesCommand()),
        new(Common, ["image bootstrap"], "Make an image from this host's own packages", () => new ImageBootstrapCommand()),
        new(Common, ["explain"], "Say what isolates a container, before or after it is made", () => new ExplainCommand()),
        new(Common, ["demo"], "Show what isolates a container and how long each stage takes", () => new DemoCommand()),
        new(Common, ["help"], "Print help about a command", () => new HelpCommand()),

        new(Containers, ["attach", "container attach"], "Attach local standard input, output, and error streams to a running container", () => new AttachCommand()),
        new(Containers, ["commit", "container commit"], "Create a new image from a container's changes", () => new CommitCommand()),
        new(Containers, ["cp", "container cp"], "Copy files/folders between a container and the local filesystem", () => new CopyCommand()),
        new(Containers, ["create", "container create"], "Create a new container", () => new CreateCommand()),
        new(Containers, ["diff", "container diff"], "Inspect changes to files or directories on a container's filesystem", () => new DiffCommand()),
        new(Containers, ["export", "container export"], "Export a container's filesystem as a tar archive", () => new ExportCommand()),
        new(Containers, ["inspect"], "Return low-level information on containers and images", () => new InspectCommand()),
        new(Containers, ["container inspect"], "Display detailed information on one or more containers", () => new InspectCommand("container")),
        new(Containers, ["container prune"], "Remove all stopped containers", () => new ContainerPruneCommand()),
        new(Containers, ["kill", "container kill"], "Kill one or more running containers", () => new KillCommand()),
        new(Containers, ["logs", "container logs"], "Fetch the logs of a container", () => new LogsCommand()),
        new(Containers, ["pause", "container pause"], "Pause all processes within one or more containers", () => new PauseCommand()),
        new(Containers, ["port", "container port"], "List port mappings or a specific mapping for the container", () => new PortCommand()),
        new(Containers, ["rename", "container rename"], "Rename a container", () => new RenameCommand()),
        new(Containers, ["restart", "container restart"], "Restart one or more containers", () => new RestartCommand()),
        new(Containers, ["rm", "container rm", "container remove"], "Remove one or more containers", () => new RemoveCommand()),
        new(Containers, ["start", "container start"], "Start one or more stopped containers", () => new StartCommand()),
        new(Containers, ["stats", "container stats"], "Display a live stream of container(s) resource usage statistics", () => new StatsCommand()),
        new(Containers, ["stop", "container stop"], "Stop one or more running containers", () => new StopCommand()),
        new(Containers, ["top", "container top"], "Display the running processes of a container", () => new TopCommand()),
        new(Containers, ["unpause", "container unpause"], "Unpause all processes within one or more containers", () => new UnpauseCommand()),
        new(Containers, ["update", "container update"], "Update configuration of one or more containers", () => new UpdateCommand()),
        new(Containers, ["wait", "container wait"], "Block until one or more containers stop, then print their exit codes", () => new WaitCommand()),

        new(Images, ["build", "image build", "builder build"], "Build an image from a Dockerfile", () => new BuildCommand()),
        new(Images, ["builder prune"], "Remove build cache", () => new BuilderPruneCommand()),
        new(Images, ["history", "image history"], "Show the history of an image", () => new HistoryCommand()),
        new(Images, ["image convert"], "Make a new image of another's content, packed or described in another way", () => new ImageConvertCommand()),
        new(Images, ["image diff"], "Say how the files of two images differ", () => new ImageDiffCommand()),
        new(Images, ["image inspect"], "Display detailed information on one or more images", () => new InspectCommand("image")),
        new(Images, ["image prune"], "Remove unused images", () => new ImagePruneCommand()),
        new(Images, ["image sbom"], "Write what is in an image as a bill of materials", () => new ImageSbomCommand()),
        new(Images, ["image scan"], "Compare an image's packages with what is known about them", () => new ImageScanCommand()),
        new(Images, ["image sign"], "Sign an image with a private key", () => new ImageSignCommand()),
        new(Images, ["image squash"], "Make a new image of another's files, in one layer", () => new ImageSquashCommand()),
        new(Images, ["image trust key"], "Generate a pair of keys for signing images", () => new TrustKeyCommand()),
        new(Images, ["image trust show"], "Show the trust policy, or what it says of an image", () => new TrustShowCommand()),
        new(Images, ["image verify"], "Verify the signatures of an image", () => new ImageVerifyCommand()),
        new(Images, ["import", "image import"], "Import the contents from a tarball to create a filesystem image", () => new ImportCommand()),
        new(Images, ["load", "image load"], "Load an image from a tar archive or STDIN", () => new LoadCommand()),
        new(Images, ["pull", "image pull"], "Download an image from a registry", () => new PullCommand()),
        new(Images, ["push", "image push"], "Upload an image to a registry", () => new PushCommand()),
        new(Images, ["rmi", "image rm", "image remove"], "Remove one or more images", () => new RemoveImageCommand()),
        new(Images, ["save", "image save"], "Save one or more images to a tar archive (streamed to STDOUT by default)", () => new SaveCommand()),
        new(Images, ["tag", "image tag"], "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE", () => new TagCommand()),

        new(Registries, ["login"], "Authenticate to a registry", () => new LoginCommand()),
        new(Registries, ["logout"], "Log out from a registry", () => new LogoutCommand()),
        new(Registries, ["registry gc"], "Remove what nothing in a registry refers to any more", () => new RegistryCollectCommand()),
        new(Registries, ["registry serve"], "Serve a registry of images", () => new RegistryServeCommand()),

        new(Networks, ["network connect"], "Connect a container to a network", () => new NetworkConnectCommand()),
        new(Networks, ["network create"], "Create a network", () => new NetworkCreateCommand()),
        new(Networks, ["network disconnect"], "Disconnect a container from a network", () => new NetworkDisconnectCommand()),
        new(Networks, ["network inspect"], "Display detailed information on one or more networks", () => new InspectCommand("network")),
        new(Networks, ["network ls", "network list"], "List networks", () => new NetworksCommand()),
        new(Networks, ["network prune"], "Remove all unused networks", () => new NetworkPruneCommand()),
        new(Networks, ["network rm", "network remove"], "Remove one or more networks", () => new RemoveNetworkCommand()),

        new(Volumes, ["volume attach"], "Give a container a volume, also while it runs", () => new VolumeAttachCommand()),
        new(Volumes, ["volume clone"], "Make a new volume with what another holds", () => new VolumeCloneCommand()),
        new(Volumes, ["volume create"], "Create a volume", () => new VolumeCreateCommand()),
        new(Volumes, ["volume detach"], "Take a volume out of a container, also while it runs", () => new VolumeDetachCommand()),
        new(Volumes, ["volume inspect"], "Display detailed information on one or more volumes", () => new InspectCommand("volume")),
        new(Volumes, ["volume ls", "volume list"], "List volumes", () => new VolumesCommand()),
        new(Volumes, ["volume prune"], "Remove unused local volumes", () => new VolumePruneCommand()),
        new(Volumes, ["volume rm", "volume remove"], "Remove one or more volumes", () => new RemoveVolumeCommand()),
        new(Volumes, ["volume snapshot create"], "Keep a copy of what a volume holds now", () => new SnapshotCreateCommand()),
        new(Volumes, ["volume snapshot ls", "volume snapshot list"], "List the snapshots of a volume", () => new SnapshotsCommand()),
        new(Volumes, ["volume snapshot restore"], "Put a volume back to a snapshot", () => new SnapshotRestoreCommand()),
        new(Volumes, ["volume snapshot rm", "volume snapshot remove"], "Remove one or more snapshots of a volume", () => new RemoveSnapshotCommand()),

        new(Secrets, ["config create"], "Create a config from a file or STDIN", () => new SecretCreateCommand(SecretKind.Config)),
        new(Secrets, ["config inspect"], "Display detailed information on one or more configs", () => new InspectCommand("config")),
        new(Secrets, ["config ls", "config list"], "List configs", () => new SecretsCommand(SecretKind.Config)),
        new(Secrets, ["config rm", "config remove"], "Remove one or more configs", () => new RemoveSecretCommand(SecretKind.Config)),
        new(Secrets, ["secret create"], "Create a secret from a file or STDIN", () => new SecretCreateCommand(SecretKind.Secret)),
        new(Secrets, ["secret inspect"], "Display detailed information on one or more secrets, without their content", () => new InspectCommand("secret")),
        new(Secrets, ["secret ls", "secret list"], "List secrets", () => new SecretsCommand(SecretKind.Secret)),
        new(Secrets, ["secret rm", "secret remove"], "Remove one or more secrets", () => new RemoveSecretCommand(SecretKind.Secret)),

        new(Machines, ["kernel install"], "Get a kernel for machines (run --runtime vm)", () => new KernelInstallCommand()),
        new(Machines, ["kernel ls", "kernel list"], "List the kernels for machines", () => new KernelsCommand()),
        new(Machines, ["kernel rm", "kernel remove"], "Remove one or more kernels for machines", () => new RemoveKernelCommand()),
        new(Machines, ["machine attach"], "Give a machine a disk or a network, also while it runs", () => new MachineAttachCommand()),
        new(Machines, ["machine backup"], "Copy a machine, or what has changed of it, to a directory", () => new MachineBackupCommand()),
        new(Machines, ["machine bootstrap"], "Make a disk with Debian out of packages", () => new MachineBootstrapCommand()),
        new(Machines, ["machine clone"], "Make another machine with what one holds", () => new MachineCloneCommand()),
        new(Machines, ["machine console"], "Connect to the serial console of a machine", () => new MachineConsoleCommand()),
        new(Machines, ["machine create"], "Create a machine with an operating system of its own", () => new MachineCreateCommand()),
        new(Machines, ["machine delete", "machine rm", "machine remove"], "Delete one or more machines with their disks and snapshots", () => new RemoveMachineCommand()),
        new(Machines, ["machine detach"], "Take a disk or a network out of a machine, also while it runs", () => new MachineDetachCommand()),
        new(Machines, ["machine exec"], "Run a command in a machine, by its guest agent", () => new MachineExecCommand()),
        new(Machines, ["machine explain"], "Print what QEMU is told of a machine, and what confines it", () => new MachineExplainCommand()),
        new(Machines, ["machine export"], "Write a machine for other hypervisors", () => new MachineExportCommand()),
        new(Machines, ["machine import"], "Make a machine of a package or disk of another hypervisor", () => new MachineImportCommand()),
        new(Machines, ["machine info", "machine inspect"], "Say everything about one or more machines", () => new MachineInfoCommand()),
        new(Machines, ["machine list", "machine ls"], "List machines", () => new MachinesCommand()),
        new(Machines, ["machine migrate"], "Move a running machine to another engine", () => new MachineMigrateCommand()),
        new(Machines, ["machine passphrase"], "Print the passphrase of a machine's encrypted disks", () => new MachinePassphraseCommand()),
        new(Machines, ["machine pause"], "Hold one or more machines where they are", () => new MachinePauseCommand()),
        new(Machines, ["machine reboot"], "Start the operating system of one or more machines anew", () => new MachineRebootCommand()),
        new(Machines, ["machine recover"], "Make a machine of a backup, or check the backup", () => new MachineRecoverCommand()),
        new(Machines, ["machine rename"], "Rename a machine", () => new MachineRenameCommand()),
        new(Machines, ["machine replicate"], "Copy a machine to a directory again and again", () => new MachineReplicateCommand()),
        new(Machines, ["machine restore", "machine revert"], "Put a machine back to a snapshot", () => new MachineRestoreCommand()),
        new(Machines, ["machine resume"], "Let one or more paused machines go on", () => new MachineResumeCommand()),
        new(Machines, ["machine screenshot"], "Save what the screen of a machine shows", () => new MachineScreenshotCommand()),
        new(Machines, ["machine set"], "Change a machine, also while it runs", () => new MachineSetCommand()),
        new(Machines, ["machine snapshot"], "Keep a machine as it is now, or delete such a snapshot", () => new MachineSnapshotCommand()),
        new(Machines, ["machine standby"], "Run a machine of another engine when that one is gone", () => new MachineStandbyCommand()),
        new(Machines, ["machine snapshots"], "List the snapshots of a machine as a tree", () => new MachineSnapshotsCommand()),
        new(Machines, ["machine ssh"], "Log in to a machine by ssh", () => new MachineSshCommand()),
        new(Machines, ["machine start"], "Start one or more machines", () => new MachineStartCommand()),
        new(Machines, ["machine stop"], "Stop one or more machines", () => new MachineStopCommand()),
        new(Machines, ["machine template"], "Make one or more machines templates, that others are cloned from", () => new MachineTemplateCommand()),

        new(Compose, ["compose build"], "Build or rebuild services", () => new ComposeBuildCommand()),
        new(Compose, ["compose config", "compose convert"], "Parse, resolve and render compose file in canonical format", () => new ComposeConfigCommand()),
        new(Compose, ["compose cp"], "Copy files/folders between a service container and the local filesystem", () => new ComposeCopyCommand()),
        new(Compose, ["compose create"], "Create containers for a service", () => new ComposeCreateCommand()),
        new(Compose, ["compose down"], "Stop and remove containers, networks", () => new ComposeDownCommand()),
        new(Compose, ["compose events"], "Receive real time events from containers", () => new ComposeEventsCommand()),
        new(Compose, ["compose exec"], "Execute a command in a running container", () => new ComposeExecCommand()),
        new(Compose, ["compose images"], "List images used by the created containers", () => new ComposeImagesCommand()),
        new(Compose, ["compose kill"], "Force stop service containers", () => new ComposeKillCommand()),
        new(Compose, ["compose logs"], "View output from containers", () => new ComposeLogsCommand()),
        new(Compose, ["compose ls"], "List running compose projects", () => new ComposeListCommand()),
        new(Compose, ["compose pause"], "Pause services", () => new ComposePauseCommand(pause: true)),
        new(Compose, ["compose port"], "Print the public port for a port binding", () => new ComposePortCommand()),
        new(Compose, ["compose ps"], "List containers", () => new ComposePsCommand()),
        new(Compose, ["compose pull"], "Pull service images", () => new ComposePullCommand()),
        new(Compose, ["compose restart"], "Restart service containers", () => new ComposeRestartCommand()),
        new(Compose, ["compose rm"], "Remove stopped service containers", () => new ComposeRemoveCommand()),
        new(Compose, ["compose run"], "Run a one-off command on a service", () => new ComposeRunCommand()),
        new(Compose, ["compose start"], "Start services", () => new ComposeStartCommand()),
        new(Compose, ["compose stop"], "Stop services", () => new ComposeStopCommand()),
        new(Compose, ["compose top"], "Display the running processes", () => new ComposeTopCommand()),
        new(Compose, ["compose unpause"], "Unpause services", () => new ComposePauseCommand(pause: false)),
        new(Compose, ["compose up"], "Create and start containers", () => new ComposeUpCommand()),
        new(Compose, ["compose version"], "Show the version of caisson", () => new ComposeVersionCommand()),
        new(Compose, ["compose wait"], "Block until containers of all (or specified) services stop", () => new ComposeWaitCommand()),
        new(Compose, ["compose watch"], "Watch files of services and refresh containers when they change", () => new ComposeWatchCommand()),

        new(Services, ["apply"], "Make objects what manifests say", () => new ApplyCommand()),
        new(Services, ["autoscale"], "Let the number of pods follow their load", () => new AutoscaleCommand()),
        new(Services, ["delete"], "Delete objects", () => new DeleteCommand()),
        new(Services, ["describe"], "Say everything about objects, and what happened to them", () => new DescribeCommand()),
        new(Services, ["get"], "List objects", () => new GetCommand()),
        new(Services, ["kubeconfig"], "Print how kubectl reaches the engine", () => new KubeconfigCommand()),
        new(Services, ["rollout history"], "List the revisions of a deployment", () => new RolloutCommand("history")),
        new(Services, ["rollout restart"], "Make the pods of a workload anew", () => new RolloutCommand("restart")),
        new(Services, ["rollout status"], "Wait until an update is done", () => new RolloutCommand("status")),
        new(Services, ["rollout undo"], "Go back to an earlier revision of a deployment", () => new RolloutCommand("undo")),
        new(Services, ["scale"], "Set how many pods there should be", () => new ScaleCommand()),

        new(Engine, ["check"], "Check what the engine keeps on disk, and repair it", () => new CheckCommand()),
        new(Engine, ["completion"], "Print a completion script for bash, zsh or fish", () => new CompletionCommand()),
        new(Engine, ["engine logs"], "Print the engine's log", () => new EngineLogsCommand()),
        new(Engine, ["engine start"], "Start the engine", () => new EngineStartCommand()),
        new(Engine, ["engine status"], "Say whether the engine runs, and what it is", () => new EngineStatusCommand()),
        new(Engine, ["engine stop"], "Stop the engine; containers go on", () => new EngineStopCommand()),
        new(Engine, ["events", "system events"], "Get real time events from the server", () => new EventsCommand()),
        new(Engine, ["info", "system info"], "Display system-wide information", () => new InfoCommand()),
        new(Engine, ["system dial-stdio"], "Connect standard input and output to the engine", () => new DialStdioCommand()),
        new(Engine, ["version"], "Show the version of caisson and of its engine", () => new VersionCommand()),
        new("", ["__complete"], "Answer a shell's question", () => new CompleteCommand()),
    ];

    /// <summary>Whether <paramref name="path"/> only leads to others.</summary>
    public static bool IsGroup(string path) => Words.Contains(path) || Pairs.Contains(path);

    /// <summary>Finds the command that <paramref name="words"/> begin with.</summary>
    /// <param name="words">The words after the global options.</param>
    /// <param name="path">Its name as the user wrote it.</param>
    /// <param name="length">Words of that name.</param>
    public static CommandEntry? Find(ReadOnlySpan<string> words, out string path, out int length)
    {
        length = words.Length > 1 && Words.Contains(words[0]) ? 2 : 1;
        if (length == 2 && words.Length > 2 && Pairs.Contains($"{words[0]} {words[1]}"))
        {
            length = 3;
        }
        path = string.Join(' ', words[..length]);
        foreach (var entry in Entries)
        {
            foreach (string name in entry.Paths)
            {
                if (name == path)
                {
                    return entry;
                }
            }
        }
        return null;
    }
}
