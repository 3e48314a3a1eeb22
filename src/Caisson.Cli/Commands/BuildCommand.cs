using Caisson.Cli.Building;
using Caisson.Cli.CommandLine;
using Caisson.Cli.Values;
using Caisson.Client.Http;
using Caisson.Client.Images;
using Caisson.Linux.Terminals;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson build</c></summary>
internal sealed class BuildCommand : Command
{
    private readonly ListOption<string> _tag, _argument, _label, _output, _host, _agent, _cacheFrom, _cacheTo, _attest;
    private readonly ListOption<SecretSource> _secret;
    private readonly ValueOption<string> _file, _target, _network, _platform, _progress, _idFile, _provenance, _sbom;
    private readonly ValueOption<long> _shm, _memory;
    private readonly SwitchOption _noCache, _pull, _quiet;

    public BuildCommand()
    {
        _host = List("add-host", "Add a custom host-to-IP mapping (format: \"host:ip\")");
        _attest = List("attest", "Attestation parameters (format: \"type=sbom\", \"type=provenance,mode=max\")", kind: "stringArray");
        _argument = List("build-arg", "Set build-time variables", kind: "stringArray");
        _cacheFrom = List("cache-from", "External cache sources (for example \"user/app:cache\", \"type=local,src=DIR\")", kind: "stringArray");
        _cacheTo = List("cache-to", "Cache export destinations (for example \"type=registry,ref=user/app:cache\", \"type=local,dest=DIR\")", kind: "stringArray");
        _file = Text("file", "Name of the Dockerfile (default: \"PATH/Dockerfile\")", 'f');
        Switch("force-rm", "Taken for compatibility: what a step needs is always removed");
        _idFile = Text("iidfile", "Write the image ID to a file");
        _label = List("label", "Set metadata for an image", kind: "stringArray");
        _memory = Value("memory", "bytes", "Memory limit of steps", ByteSize.Parse, 0L, 'm');
        _network = Text("network", "Set the networking mode for the \"RUN\" instructions during build");
        _noCache = Switch("no-cache", "Do not use cache when building the image");
        _output = List("output", "Where to write the image: type=docker,dest=FILE writes an archive", 'o', "stringArray");
        _platform = Text("platform", "Set target platform for build; several, with commas, make a list of images");
        _progress = Text("progress", "Set type of progress output (\"auto\", \"plain\", \"tty\", \"json\", \"quiet\")", absent: "auto");
        _provenance = Text("provenance", "Shorthand for \"--attest=type=provenance\" (true, false or mode=min|max)");
        _pull = Switch("pull", "Always attempt to pull all referenced images");
        _quiet = Switch("quiet", "Suppress the build output and print image ID on success", 'q');
        Switch("rm", "Taken for compatibility: what a step needs is always removed", value: true);
        _sbom = Text("sbom", "Shorthand for \"--attest=type=sbom\" (true or false)");
        _secret = Values("secret", "stringArray", "Secret to expose to the build (format: \"id=mysecret[,src=/local/secret]\")", SecretSource.Parse);
        _shm = Value("shm-size", "bytes", "Shared memory size for steps", ByteSize.Parse, 0L);
        _agent = List("ssh", "SSH agent socket to expose to the build (format: \"default|<id>[=<socket>]\")", kind: "stringArray");
        _tag = List("tag", "Name and optionally a tag (format: \"name:tag\")", 't', "stringArray");
        _target = Text("target", "Set the target build stage to build");
    }

    public override string Usage => "[OPTIONS] PATH | URL | -";

    public override string Details => "Builds the Dockerfile of PATH with the files there. With - a tar archive, or a Dockerfile alone, is read from standard input; of a URL the engine fetches an archive, a Dockerfile or a git repository (URL#REF:DIRECTORY).";

    public override IReadOnlyList<string> Examples =>
        ["build -t app .", "build -t app --target test --build-arg VERSION=2 .", "build --secret id=token,src=token.txt -t app ."];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override int Run(Session session)
    {
        bool quiet = _quiet.Value || _progress.Value == "quiet";
        if (_progress.Value is not ("auto" or "plain" or "tty" or "json" or "quiet"))
        {
            throw new UsageException($"--progress is auto, plain, tty, json or quiet, and is \"{_progress.Value}\"");
        }
        string? archive = Output();
        bool ansi = _progress.Value == "tty" || (_progress.Value == "auto" && session.IsTerminal(StandardDescriptor.Error) && session.Variable("NO_COLOR") is null);
        var display = new BuildDisplay(quiet ? TextWriter.Null : session.Error, ansi, _progress.Value == "json");
        BuildQuery asked = Ask(session);
        string id = ImageBuilds.IsRemote(Arguments[0]) ? FromAddress(session, asked, display) : Arguments[0] == "-" ? FromInput(session, asked, display) : ImageBuilds.Build(
            session, asked, Arguments[0], _file.IsSet ? _file.Value : null, _file.Value == "-" ? new StreamReader(session.InputStream).ReadToEnd() : null,
            _secret.Values.ToDictionary(secret => secret.Id, secret => secret.Read(session)), display);
        if (quiet)
        {
            session.Out.WriteLine(id);
        }
        if (_idFile.IsSet)
        {
            File.WriteAllText(_idFile.Value, id);
        }
        if (archive is not null)
        {
            using HttpResponse saved = session.Engine.SaveImages(_tag.Values.Count > 0 ? _tag.Values : [id]);
            using FileStream file = File.Create(archive);
            saved.Body.CopyTo(file, 256 * 1024);
        }
        return 0;
    }

    private BuildQuery Ask(Session session) => new()
    {
        Names = _tag.Values,
        Target = _target.Value,
        Arguments = BuildArguments(session),
        Labels = Pairs(_label.Values),
        Agents = _agent.Values.Select(agent => AgentSource.Parse(session, agent)).ToDictionary(),
        ExtraHosts = _host.Values,
        NoCache = _noCache.Value,
        Pull = _pull.Value,
        Network = _network.Value,
        Platform = _platform.IsSet ? _platform.Value : session.Variable("DOCKER_DEFAULT_PLATFORM") ?? "",
        CacheFrom = [.. _cacheFrom.Values.Select(Absolute)],
        CacheTo = [.. _cacheTo.Values.Select(Absolute)],
        Attestations =
        [
            .. _attest.Values,
            .. _provenance.IsSet ? [Attestation("provenance", _provenance.Value)] : (string[])[],
            .. _sbom.IsSet ? [Attestation("sbom", _sbom.Value)] : (string[])[],
        ],
        ShmSizeBytes = _shm.Value,
        MemoryBytes = _memory.Value,
    };

    /// <summary>Directories of the engine's machine, which is meant to be this one.</summary>
    private static string Absolute(string cache) => string.Join(',', cache.Split(',').Select(field =>
        field.StartsWith("src=", StringComparison.Ordinal) ? "src=" + Path.GetFullPath(field[4..])
        : field.StartsWith("dest=", StringComparison.Ordinal) ? "dest=" + Path.GetFullPath(field[5..])
        : field));

    /// <summary><c>true</c>, <c>false</c>, or the fields themselves.</summary>
    internal static string Attestation(string type, string text) =>
        $"type={type},{(bool.TryParse(text, out bool wanted) ? $"disabled={(wanted ? "false" : "true")}" : text)}";

    /// <summary>The engine fetches the context; what is sent is what lies beside it.</summary>
    private string FromAddress(Session session, BuildQuery asked, BuildDisplay display) => ImageBuilds.Build(
        session, asked with { Remote = Arguments[0] }, _file.IsSet ? _file.Value : "Dockerfile", _secret.Values.ToDictionary(secret => secret.Id, secret => secret.Read(session)), display);

    /// <summary>Standard input is an archive, or a Dockerfile that needs no files.</summary>
    private string FromInput(Session session, BuildQuery asked, BuildDisplay display)
    {
        using var input = new MemoryStream();
        session.InputStream.CopyTo(input);
        byte[] bytes = input.ToArray();
        bool isArchive = bytes.AsSpan().StartsWith<byte>([0x1f, 0x8b]) || bytes.AsSpan().StartsWith<byte>([0x28, 0xb5, 0x2f, 0xfd])
            || (bytes.Length > 262 && bytes.AsSpan(257, 5).SequenceEqual("ustar"u8));
        if (isArchive)
        {
            using HttpResponse response = session.Engine.BuildImage(asked with { Dockerfile = _file.IsSet ? _file.Value : "Dockerfile" }, body => body.Write(bytes));
            return display.Show(response.Body);
        }
        DirectoryInfo empty = Directory.CreateTempSubdirectory("caisson-build-");
        try
        {
            return ImageBuilds.Build(
                session, asked, empty.FullName, null, System.Text.Encoding.UTF8.GetString(bytes), _secret.Values.ToDictionary(secret => secret.Id, secret => secret.Read(session)), display);
        }
        finally
        {
            empty.Delete();
        }
    }

    /// <summary>Where an archive of the image goes; null for nowhere.</summary>
    private string? Output()
    {
        string? archive = null;
        foreach (string output in _output.Values)
        {
            Dictionary<string, string> fields = Pairs(output.Split(','));
            string type = fields.GetValueOrDefault("type", "");
            if (type is not ("docker" or "oci" or "image"))
            {
                throw new UsageException($"--output \"{output}\" is not supported; write type=docker,dest=FILE");
            }
            archive = fields.GetValueOrDefault("dest") ?? archive;
        }
        return archive;
    }

    private Dictionary<string, string> BuildArguments(Session session)
    {
        Dictionary<string, string> all = [];
        foreach (string argument in _argument.Values)
        {
            int equals = argument.IndexOf('=');
            if (equals >= 0)
            {
                all[argument[..equals]] = argument[(equals + 1)..];
            }
            else if (session.VariableAsSet(argument) is { } value)
            {
                all[argument] = value;
            }
        }
        if (session.Variable("SOURCE_DATE_EPOCH") is { } epoch)
        {
            all.TryAdd("SOURCE_DATE_EPOCH", epoch);
        }
        return all;
    }

    private static Dictionary<string, string> Pairs(IEnumerable<string> texts) => texts.ToDictionary(
        text => text.Contains('=') ? text[..text.IndexOf('=')] : text,
        text => text.Contains('=') ? text[(text.IndexOf('=') + 1)..] : "");
}
