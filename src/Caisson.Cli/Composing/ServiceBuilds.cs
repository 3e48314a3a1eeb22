using Caisson.Cli.Building;
using Caisson.Client;
using Caisson.Client.Images;
using Caisson.Documents;
using Caisson.Compose.Model;
using Caisson.Errors;
using Caisson.Linux.Terminals;

namespace Caisson.Cli.Composing;

/// <summary>Builds the images of services that say how.</summary>
internal static class ServiceBuilds
{
    /// <summary>How to build.</summary>
    internal sealed record Options
    {
        /// <summary>Images that are there are left as they are, unless the service's policy is to build.</summary>
        public bool OnlyMissing { get; init; }

        public bool NoCache { get; init; }

        public bool Pull { get; init; }

        public bool Quiet { get; init; }

        /// <summary>Also what the services depend on.</summary>
        public bool WithDependencies { get; init; }

        /// <summary>Build arguments over those of the files, <c>NAME=VALUE</c>.</summary>
        public IReadOnlyList<string> Arguments { get; init; } = [];
    }

    /// <summary>Builds services; returns how many.</summary>
    /// <exception cref="CaissonException">A build failed; those before it are done.</exception>
    public static int Build(Session session, ComposeProject project, IReadOnlyCollection<string> services, Options options)
    {
        int built = 0;
        foreach (string name in project.Select(services, alone: !options.WithDependencies).Where(name => project.Services[name].HasBuild))
        {
            ComposeService service = project.Services[name];
            if (options.OnlyMissing && service.PullPolicy != "build" && IsThere(session.Engine, service.Image))
            {
                continue;
            }
            built++;
            if (session.Compose.DryRun)
            {
                session.Out.WriteLine($"build {service.Image} for service {name}");
                continue;
            }
            BuildOne(session, project, service, options);
        }
        return built;
    }

    private static void BuildOne(Session session, ComposeProject project, ComposeService service, Options options)
    {
        DocumentNode build = service.Definition["build"]!;
        string context = build.Text("context");
        string dockerfile = build.Text("dockerfile");
        string inline = build.Text("dockerfile_inline");
        Dictionary<string, string> arguments = [];
        foreach (MappingEntry argument in build.Field("args").Entries())
        {
            bool isUnset = argument.Value is ScalarNode { Is: ScalarKind.Null };
            if ((isUnset ? session.VariableAsSet(argument.Key) : argument.Value.AsText()) is { } value)
            {
                arguments[argument.Key] = value;
            }
        }
        foreach ((string key, string value) in Pairs(options.Arguments, session))
        {
            arguments[key] = value;
        }
        var asked = new BuildQuery
        {
            Names = [service.Image, .. build.Texts("tags")],
            Target = build.Text("target"),
            Arguments = arguments,
            Labels = build.Pairs("labels").ToDictionary(),
            ExtraHosts = [.. build.Texts("extra_hosts").Select(host => host.Replace('=', ':'))],
            NoCache = options.NoCache || build.Flag("no_cache"),
            Pull = options.Pull || build.Flag("pull"),
            Network = build.Text("network"),
            Platform = build.Texts("platforms") is { Count: > 0 } platforms ? string.Join(',', platforms) : service.Definition.Text("platform"),
            Agents = build.Field("ssh").Entries().Select(agent => AgentSource.Of(session, agent.Key, agent.Value.AsText())).ToDictionary(),
            ShmSizeBytes = build.Whole("shm_size") ?? 0,
            CacheFrom = build.Texts("cache_from"),
            CacheTo = build.Texts("cache_to"),
            Attestations = [.. ((string[])["provenance", "sbom"]).Where(kind => build.Text(kind).Length > 0).Select(kind => Commands.BuildCommand.Attestation(kind, build.Text(kind)))],
        };
        bool ansi = ComposeCommand.UsesAnsi(session, StandardDescriptor.Error);
        var display = new BuildDisplay(options.Quiet ? TextWriter.Null : session.Error, ansi, json: false);
        if (!options.Quiet)
        {
            session.Error.WriteLine($"Building {service.Name}");
        }
        _ = ImageBuilds.Build(
            session, asked, context.Length > 0 ? context : ".", dockerfile.Length > 0 ? Path.Combine(context, dockerfile) : null,
            inline.Length > 0 ? inline : null, Secrets(session, project, service.Name, build), display);
    }

    /// <summary>Secrets of the project that the build names, each by the name that steps may call it: its own, or the last of its target.</summary>
    private static Dictionary<string, byte[]> Secrets(Session session, ComposeProject project, string service, DocumentNode build)
    {
        Dictionary<string, byte[]> secrets = [];
        foreach (DocumentNode reference in build.Field("secrets").Items())
        {
            string name = reference.Text("source");
            if (!project.Secrets.TryGetValue(name, out ComposeResource? secret))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"service {service}: its build needs the secret '{name}', which the project does not have");
            }
            byte[] content = Content(session, project, secret);
            secrets[name] = content;
            if (reference.Text("target").Split('/')[^1] is { Length: > 0 } target)
            {
                secrets[target] = content;
            }
        }
        return secrets;
    }

    private static byte[] Content(Session session, ComposeProject project, ComposeResource secret)
    {
        if (secret.IsExternal)
        {
            throw new CaissonException(ErrorKind.Unimplemented, $"the secret '{secret.Key}' is external, and a build takes secrets of files, variables and texts only");
        }
        if (secret.Definition.Text("file") is { Length: > 0 } file)
        {
            return File.ReadAllBytes(Path.Combine(project.Directory, file));
        }
        if (secret.Definition.Text("environment") is { Length: > 0 } variable)
        {
            return System.Text.Encoding.UTF8.GetBytes(session.VariableAsSet(variable) ?? project.Variables.GetValueOrDefault(variable)
                ?? throw new CaissonException(ErrorKind.FailedPrecondition, $"{secret.Key}: environment variable \"{variable}\" is not set; set it, or use 'file'"));
        }
        return System.Text.Encoding.UTF8.GetBytes(secret.Definition.Text("content"));
    }

    private static bool IsThere(EngineClient engine, string image)
    {
        try
        {
            engine.InspectImage(image).Dispose();
            return true;
        }
        catch (EngineException e) when (e.Kind == ErrorKind.NotFound)
        {
            return false;
        }
    }

    /// <summary>A name alone takes its value from the environment, and is left out when that has none.</summary>
    private static Dictionary<string, string> Pairs(IEnumerable<string> texts, Session session)
    {
        Dictionary<string, string> pairs = [];
        foreach (string text in texts)
        {
            int equals = text.IndexOf('=');
            if (equals >= 0)
            {
                pairs[text[..equals]] = text[(equals + 1)..];
            }
            else if (session.VariableAsSet(text) is { } value)
            {
                pairs[text] = value;
            }
        }
        return pairs;
    }
}
