using System.Text;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Engines;
using Caisson.Client;
using Caisson.Linux.Terminals;

namespace Caisson.Cli;

/// <summary>What a command has at hand: its streams, its terminal, its environment and the engine.</summary>
internal sealed class Session : IDisposable
{
    private readonly Func<string, string?> _environment;
    private TextWriter? _out;
    private TextWriter? _error;
    private EngineClient? _engine;
    private Registries.CredentialStore? _credentials;

    public Session(Stream input, Stream output, Stream error, Func<string, string?> environment)
    {
        InputStream = input;
        OutputStream = output;
        ErrorStream = error;
        _environment = environment;
        Paths = EnginePaths.From(environment);
    }

    public Stream InputStream { get; }

    public Stream OutputStream { get; }

    public Stream ErrorStream { get; }

    /// <summary>Results. Written out when the command ends or <see cref="Flush"/> is called.</summary>
    public TextWriter Out => _out ??= NewWriter(OutputStream);

    /// <summary>Errors, warnings, progress; written out at once.</summary>
    public TextWriter Error => _error ??= TextWriter.Synchronized(NewWriter(ErrorStream, autoFlush: true));

    /// <summary>Where the engine keeps its files.</summary>
    public EnginePaths Paths { get; }

    /// <summary>Given by <c>--host</c>; null: from the environment or the default.</summary>
    public string? Host { get; set; }

    /// <summary>What was said about TLS before the command.</summary>
    public TlsChoice Tls { get; } = new();

    /// <summary>Say more when something goes wrong.</summary>
    public bool Debug { get; set; }

    /// <summary>Which streams are terminals.</summary>
    public Func<StandardDescriptor, bool> IsTerminal { get; init; } = TerminalDevice.IsTerminal;

    /// <summary>The clock; durations in lists are relative to it.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>The engine; started on the first call when it does not run and no address was given.</summary>
    public EngineClient Engine => _engine ??= Connect();

    /// <summary>An environment variable; null when it is not set or empty.</summary>
    public string? Variable(string name) => _environment(name) is { Length: > 0 } value ? value : null;

    /// <summary>As <see cref="Variable"/>, and empty is not the same as not set.</summary>
    public string? VariableAsSet(string name) => _environment(name);

    /// <summary>Given between <c>compose</c> and its command.</summary>
    public Composing.ComposeOptions Compose { get; } = new();

    /// <summary>What the user has for registries.</summary>
    public Registries.CredentialStore Credentials => _credentials ??= new(Variable);

    /// <summary>Width of the terminal in characters; null when the output is no terminal.</summary>
    public int? Width => IsTerminal(StandardDescriptor.Output) ? TerminalDevice.Size(StandardDescriptor.Output)?.Width : null;

    /// <summary>The address of the engine and whether it may be started there.</summary>
    public (EngineEndpoint Endpoint, bool OnDemand) Address()
    {
        string? given = Host ?? Variable("CAISSON_HOST") ?? Variable("DOCKER_HOST");
        EngineEndpoint endpoint = EngineEndpoint.Parse(given ?? Paths.Socket, Tls.Files(Variable));
        return (endpoint, endpoint.Remote is null && (given is null || (Host is null && endpoint.SocketPath == Paths.Socket)));
    }

    public void Flush()
    {
        _out?.Flush();
        _error?.Flush();
    }

    public void Dispose() => _engine?.Dispose();

    private EngineClient Connect()
    {
        var (endpoint, onDemand) = Address();
        return new EngineClient(endpoint, onDemand ? EngineStarter : null) { RegistryAuth = repository => Credentials.HeaderFor(repository), Token = Variable("CAISSON_TOKEN") };

        void EngineStarter(EngineEndpoint _) => new EngineLauncher(Paths, _environment).EnsureRunning();
    }

    private static StreamWriter NewWriter(Stream stream, bool autoFlush = false) =>
        new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), 4096, leaveOpen: true) { AutoFlush = autoFlush, NewLine = "\n" };
}
