using Caisson.Api;
using Caisson.Control;
using Caisson.Errors;
using Caisson.Engine;

switch (args)
{
    case ["--version" or "-v"]:
        Console.Out.WriteLine($"caissond {ProductVersion.Text}");
        return 0;
    case ["--help" or "-h"]:
        Console.Out.WriteLine(
            """
            Usage: caissond [OPTIONS]

            The engine: runs containers and serves the Docker Engine API on CAISSON_RUN/docker.sock.
            Containers go on when it ends; the next one takes them over.

              --listen tcp://ADDRESS:PORT  also there, for clients with a certificate; may be repeated
              --tls-ca FILE                who signs certificates of clients
              --tls-cert FILE              the engine's certificate, and what is between it and its root
              --tls-key FILE               its private key
              --insecure-listen            without certificates, at 127.0.0.1 or ::1: every program of this machine
                                           is then root
              --allow-host NAME            a name by which clients call the address, beside those in the certificate
              --cri-network cni|caisson|off
                                           networks of a kubelet's pods: by the plugins of the cluster's add-on (default), the
                                           engine's own, or no socket for kubelets
              --cri-cni-config DIR         where the add-on writes its configuration; default /etc/cni/net.d
              --cri-cni-plugins DIR[:DIR]  where plugins are; default /opt/cni/bin:/usr/lib/cni
              --registry ADDRESS:PORT      a registry of images as well, kept below CAISSON_ROOT; see caisson registry serve

              CAISSON_ROOT     where images and containers are kept (default /var/lib/caisson)
              CAISSON_RUN      where sockets are (default /run/caisson)
              CAISSON_LOG      how output is kept where a container does not say, such as
                               local,max-size=50m,max-file=3 (default json-file)
              CAISSON_REGISTRIES  a file that says how registries are reached: mirrors, the default one
                               (default /etc/caisson/registries.json)
              CAISSON_RUNTIME  the binary that runs containers (default caisson-runtime beside this one)
            """);
        return 0;
    case ["registry", "serve" or "gc", ..]:
        return await RunRegistryAsync(args);
    default:
        break;
}

EngineArguments arguments;
try
{
    arguments = EngineArguments.Parse(args);
}
catch (CaissonException error)
{
    Console.Error.WriteLine($"caissond: {error.Message}");
    return 2;
}

try
{
    await using EngineProcess engine = await EngineProcess.StartAsync(EngineDirectories.FromEnvironment(), arguments);
    await engine.RunAsync();
    return 0;
}
catch (Exception error) when (error is CaissonException or IOException or UnauthorizedAccessException or System.Net.Sockets.SocketException)
{
    Console.Error.WriteLine($"caissond: {error.Message}");
    return 1;
}

static async Task<int> RunRegistryAsync(string[] words)
{
    var log = new EngineLog(Console.Error, TimeProvider.System);
    try
    {
        RegistryArguments arguments = RegistryArguments.Parse(words.AsSpan(2));
        if (words[1] == "gc")
        {
            return RegistryProcess.CollectOnce(arguments, log);
        }
        await using RegistryProcess registry = await RegistryProcess.StartAsync(arguments, EngineDirectories.Registries, log);
        await registry.RunAsync();
        return 0;
    }
    catch (Exception error) when (error is CaissonException or IOException or UnauthorizedAccessException or System.Net.Sockets.SocketException)
    {
        Console.Error.WriteLine($"caissond: {error.Message}");
        return error is CaissonException { Kind: ErrorKind.InvalidArgument } ? 2 : 1;
    }
}
