using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;

using Caisson.Api.Registry;
using Caisson.Control;
using Caisson.Errors;
using Caisson.Images.Registry;
using Caisson.Registry;
using Caisson.Registry.Access;

namespace Caisson.Engine;

/// <summary>A registry as a process, or beside an engine: puts the parts together, and lets go of them in reverse.</summary>
internal sealed class RegistryProcess : IAsyncDisposable
{
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(10);

    private readonly RegistryArguments _arguments;
    private readonly EngineLog _log;
    private readonly RegistryStore _store;
    private readonly PullThrough? _upstreams;
    private readonly RegistryAccess _access;
    private readonly Lock _collecting = new();
    private RegistryServer? _server;
    private Timer? _collector;

    private RegistryProcess(RegistryArguments arguments, RegistrySettings settings, EngineLog log)
    {
        _arguments = arguments;
        _log = log;
        _store = RegistryStore.Open(arguments.Data);
        try
        {
            _access = OpenAccess(arguments);
            _upstreams = arguments.Upstreams.Count == 0 ? null
                : new PullThrough(_store, ReadUpstreams(arguments), settings);
        }
        catch
        {
            _store.Dispose();
            throw;
        }
    }

    private string PidFile => Path.Join(Path.GetFullPath(_arguments.Data), "registry.pid");

    /// <summary>Opens the directory and serves it.</summary>
    public static async Task<RegistryProcess> StartAsync(RegistryArguments arguments, RegistrySettings settings, EngineLog log)
    {
        var process = new RegistryProcess(arguments, settings, log);
        try
        {
            SslStreamCertificateContext? certificate = arguments.Tls is { } tls ? RegistryServer.ReadCertificate(tls.Certificate, tls.Key) : null;
            process._server = await RegistryServer.StartAsync(process._store, process._access, process._upstreams, arguments.Listen, certificate, log.Warn);
            await File.WriteAllTextAsync(process.PidFile, Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n");
            log.Note($"registry {ProductVersionText} serves {Path.GetFullPath(arguments.Data)} on {(certificate is null ? "http" : "https")}://{arguments.Listen}");
            if (certificate is null && !IPAddress.IsLoopback(arguments.Listen.Address))
            {
                log.Warn(process._access.KnowsUsers
                    ? "other machines reach it without encryption: passwords can be read on the way; give --tls-cert and --tls-key unless something in front of it encrypts"
                    : "other machines reach it without encryption, and everybody may write to it; give --tls-cert, --tls-key and --htpasswd");
            }
            if (arguments.CollectInterval > TimeSpan.Zero)
            {
                process._collector = new Timer(_ => process.Collect(), null, arguments.CollectInterval, arguments.CollectInterval);
            }
            return process;
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>Serves until SIGTERM or SIGINT; SIGUSR1 asks for a collection.</summary>
    public async Task RunAsync()
    {
        const int UserSignal = 10; // SIGUSR1, signal(7)

        TaskCompletionSource<string> stop = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using PosixSignalRegistration term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Ask);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Ask);
        using PosixSignalRegistration user = PosixSignalRegistration.Create((PosixSignal)UserSignal, context =>
        {
            context.Cancel = true;
            Collect();
        });
        _log.Note($"{await stop.Task}: stopping");

        void Ask(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.TrySetResult(context.Signal.ToString());
        }
    }

    /// <summary>Collects once, without serving; or asks the registry that serves the directory to.</summary>
    public static int CollectOnce(RegistryArguments arguments, EngineLog log)
    {
        try
        {
            using RegistryStore store = RegistryStore.Open(arguments.Data);
            Console.Out.WriteLine(Describe(store.Collect(arguments.CollectGrace, arguments.CollectUntagged)));
            return 0;
        }
        catch (CaissonException error) when (error.Kind == ErrorKind.Conflict)
        {
            string file = Path.Join(Path.GetFullPath(arguments.Data), "registry.pid");
            if (!File.Exists(file) || !int.TryParse(File.ReadAllText(file).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int pid))
            {
                throw;
            }
            using Caisson.Linux.Pidfd server = Caisson.Linux.Pidfd.Open(pid);
            server.TrySignal(Caisson.Linux.Signal.USR1);
            log.Note($"the registry that serves {arguments.Data} (pid {pid}) was asked to collect; its log says what came of it");
            return 0;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_collector is not null)
        {
            await _collector.DisposeAsync();
        }
        if (_server is not null)
        {
            using var deadline = new CancellationTokenSource(StopPatience);
            await _server.StopAsync(deadline.Token);
            await _server.DisposeAsync();
            File.Delete(PidFile);
        }
        _upstreams?.Dispose();
        _access.Tokens?.Dispose();
        lock (_collecting)
        {
            _store.Dispose();
        }
    }

    private static string ProductVersionText => Caisson.Api.ProductVersion.Text;

    private void Collect()
    {
        if (!_collecting.TryEnter())
        {
            return;
        }
        try
        {
            _log.Note(Describe(_store.Collect(_arguments.CollectGrace, _arguments.CollectUntagged)));
        }
        catch (Exception error) when (error is CaissonException or IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            _log.Warn($"collect garbage: {error.Message}");
        }
        finally
        {
            _collecting.Exit();
        }
    }

    private static string Describe(CollectedContent collected) =>
        $"collected {collected.Blobs} blobs of {collected.Bytes} bytes, {collected.Manifests} manifests, {collected.Links} links, {collected.Uploads} uploads";

    private static RegistryAccess OpenAccess(RegistryArguments arguments)
    {
        PasswordFile? passwords = arguments.Passwords is { } path ? PasswordFile.Open(path) : null;
        RegistryTokens? tokens = arguments.TokenServer is { } server
            ? RegistryTokens.Of(server.Realm, server.Service, server.Issuer, File.ReadAllText(server.Key))
            : arguments.MakesTokens ? RegistryTokens.Own(RandomNumberGenerator.GetBytes(32)) : null;
        return new RegistryAccess
        {
            Passwords = passwords,
            Tokens = tokens,
            Rights = arguments.Rights is { } rights ? RegistryRights.Parse(File.ReadAllBytes(rights), rights)
                : passwords is null && tokens is null ? RegistryRights.Everybody
                : RegistryRights.Users,
        };
    }

    private static List<UpstreamRegistry> ReadUpstreams(RegistryArguments arguments)
    {
        List<UpstreamRegistry> upstreams = [.. arguments.Upstreams.Select(UpstreamRegistry.Parse)];
        if (arguments.UpstreamCredentials is not { } path)
        {
            return upstreams;
        }
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            foreach (JsonProperty entry in document.RootElement.GetProperty("auths").EnumerateObject())
            {
                string pair = System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(entry.Value.GetProperty("auth").GetString() ?? ""));
                int colon = pair.IndexOf(':', StringComparison.Ordinal);
                string? domain = RegistryCredentials.DomainOf(entry.Name);
                for (int i = 0; colon > 0 && i < upstreams.Count; i++)
                {
                    if (upstreams[i].Domain == domain)
                    {
                        upstreams[i] = upstreams[i] with
                        {
                            Credentials = new RegistryCredentials { Username = pair[..colon], Password = pair[(colon + 1)..], Domain = domain },
                        };
                    }
                }
            }
            return upstreams;
        }
        catch (Exception error) when (error is JsonException or FormatException or KeyNotFoundException or InvalidOperationException)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{path} is not what docker login writes: {error.Message.TrimEnd('.')}", error);
        }
    }
}
