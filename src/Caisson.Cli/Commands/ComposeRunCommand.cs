using Caisson.Cli.Attaching;
using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;
using Caisson.Cli.Values;
using Caisson.Client.Containers;
using Caisson.Compose.Model;
using Caisson.Compose.Plans;
using Caisson.Compose.Running;
using Caisson.Linux.Terminals;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose run</c>: one container of a service besides those that <c>up</c> cares for, with its own command.</summary>
internal sealed class ComposeRunCommand : ComposeCommand
{
    private readonly SwitchOption _build, _detach, _interactive, _noDeps, _noTty, _quiet, _remove, _removeOrphans, _servicePorts, _useAliases;
    private readonly ListOption<string> _capAdd, _capDrop, _env, _envFile, _label, _publish, _volume;
    private readonly ValueOption<string> _entrypoint, _name, _pull, _user, _workdir;

    public ComposeRunCommand()
    {
        _build = Switch("build", "Build image before starting container");
        _capAdd = List("cap-add", "Add Linux capabilities");
        _capDrop = List("cap-drop", "Drop Linux capabilities");
        _detach = Switch("detach", "Run container in background and print container ID", 'd');
        _entrypoint = Text("entrypoint", "Override the entrypoint of the image");
        _env = List("env", "Set environment variables", 'e', "stringArray");
        _envFile = List("env-from-file", "Set environment variables from file", kind: "stringArray");
        _interactive = Switch("interactive", "Keep STDIN open even if not attached", 'i', value: true);
        _label = List("label", "Add or override a label", 'l', "stringArray");
        _name = Text("name", "Assign a name to the container");
        _noDeps = Switch("no-deps", "Don't start linked services");
        _noTty = Switch("no-tty", "Disable pseudo-TTY allocation (default: auto-detected)", 'T');
        _publish = List("publish", "Publish a container's port(s) to the host", 'p', "stringArray");
        _pull = Value("pull", "string", "Pull image before running (\"always\"|\"missing\"|\"never\")", UpArguments.Pull, "");
        _quiet = Switch("quiet", "Don't print anything but what the command says", 'q');
        Switch("quiet-pull", "Pull without printing progress information");
        _removeOrphans = Switch("remove-orphans", "Remove containers for services not defined in the Compose file");
        _remove = Switch("rm", "Automatically remove the container when it exits");
        _servicePorts = Switch("service-ports", "Run command with all service's ports enabled and mapped to the host", 'P');
        _useAliases = Switch("use-aliases", "Use the service's network useAliases in the network(s) the container connects to");
        _user = Text("user", "Run as specified username or uid", 'u');
        _volume = List("volume", "Bind mount a volume", 'v', "stringArray");
        _workdir = Text("workdir", "Working directory inside the container", 'w');
    }

    public override string Usage => "[OPTIONS] SERVICE [COMMAND] [ARGS...]";

    public override (int Min, int Max) ArgumentCount => (1, -1);

    public override bool StopsAtFirstArgument => true;

    public override IReadOnlyList<string> Examples => ["compose run --rm web sh", "compose run --rm -e DEBUG=1 --no-deps tests pytest -x"];

    protected override int RunCompose(Session session)
    {
        string name = Arguments[0];
        var project = Load(session, [name]);
        var service = project.Services[name];
        ServiceBuilds.Build(session, project, [name], new ServiceBuilds.Options { OnlyMissing = !_build.Value, WithDependencies = true });
        using (var progress = new ComposeProgress(session))
        {
            BringUp(session, project, service, progress);
        }
        if (session.Compose.DryRun)
        {
            return 0;
        }
        bool tty = !_noTty.Value && !_detach.Value && session.IsTerminal(StandardDescriptor.Output) && session.IsTerminal(StandardDescriptor.Input);
        ContainerCreation? creation = null;
        using var quiet = new ComposeProgress(session);
        string slug = Guid.NewGuid().ToString("N")[..12];
        string id = Runner(session, project, ObservedProject.Nothing, quiet).CreateContainer(
            service,
            new(1, _name.Value.Length > 0 ? _name.Value : $"{project.Name}-{name}-run-{slug}")
            {
                IsOneOff = true,
                HasNames = _useAliases.Value,
                HasPorts = _servicePorts.Value,
                ImageId = ProjectObserver.ImageId(session.Engine, service.Image) ?? "",
            },
            made => creation = Change(session, made, tty));
        if (_detach.Value)
        {
            session.Engine.StartContainer(id);
            session.Out.WriteLine(id);
            return 0;
        }
        return RunCommand.RunAttached(session, id, creation!, DetachKeys.Parse(""), "", sigProxy: true);
    }

    /// <summary>Fetches the image, and starts what the service depends on.</summary>
    private void BringUp(Session session, ComposeProject project, ComposeService service, IComposeProgress progress)
    {
        UpArguments.Up(session, project, new UpOptions
        {
            Services = [service.Name],
            NoDependencies = _noDeps.Value,
            RemoveOrphans = _removeOrphans.Value,
            WithoutContainers = service.Name,
            Pull = _pull.Value,
        }, progress);
    }

    private ContainerCreation Change(Session session, ContainerCreation creation, bool tty)
    {
        var (config, host) = (creation.Config, creation.Host);
        config.Tty = tty;
        config.OpenStdin = config.AttachStdin = config.StdinOnce = _interactive.Value && !_detach.Value;
        config.AttachStdout = config.AttachStderr = !_detach.Value;
        if (Arguments.Count > 1)
        {
            config.Cmd = Arguments[1..];
        }
        if (_entrypoint.IsSet)
        {
            config.Entrypoint = _entrypoint.Value.Length > 0 ? _entrypoint.Value.Split(' ', StringSplitOptions.RemoveEmptyEntries) : [""];
            config.Cmd = Arguments.Count > 1 ? Arguments[1..] : [];
        }
        config.User = _user.IsSet ? _user.Value : config.User;
        config.WorkingDir = _workdir.IsSet ? _workdir.Value : config.WorkingDir;
        try
        {
            foreach (string variable in EnvironmentFile.Gather(_envFile.Values, _env.Values, session.Variable))
            {
                string name = variable[..(variable.IndexOf('=', StringComparison.Ordinal) + 1)];
                config.Env.RemoveAll(other => other.StartsWith(name, StringComparison.Ordinal));
                config.Env.Add(variable);
            }
            foreach (string port in _publish.Values)
            {
                PortSpec.Publish(port, config.ExposedPorts, host.PortBindings);
            }
            foreach (string volume in _volume.Values)
            {
                VolumeSpec.Apply(volume, config.Volumes, host.Binds);
            }
            foreach (string label in _label.Values)
            {
                var (key, value) = ContainerOptions.Pair(label);
                config.Labels[key] = value;
            }
        }
        catch (Exception e) when (e is FormatException or IOException)
        {
            throw new UsageException(e.Message, exitCode: 1);
        }
        host.CapAdd.AddRange(_capAdd.Values);
        host.CapDrop.AddRange(_capDrop.Values);
        host.AutoRemove = _remove.Value;
        host.RestartPolicy = "";
        host.RestartRetriesMax = 0;
        if (_quiet.Value)
        {
            session.Flush();
        }
        return creation;
    }
}
