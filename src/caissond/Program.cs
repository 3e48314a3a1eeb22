using Caisson.Api;
using Caisson.Errors;
using Caisson.Engine;

switch (args)
{
    case []:
        break;
    case ["--version" or "-v"]:
        Console.Out.WriteLine($"caissond {ProductVersion.Text}");
        return 0;
    case ["--help" or "-h"]:
        Console.Out.WriteLine(
            """
            Usage: caissond

            The engine: runs containers and serves the Docker Engine API on CAISSON_RUN/docker.sock.
            Containers go on when it ends; the next one takes them over.

              CAISSON_ROOT     where images and containers are kept (default /var/lib/caisson)
              CAISSON_RUN      where sockets are (default /run/caisson)
              CAISSON_LOG      how output is kept where a container does not say, such as
                               local,max-size=50m,max-file=3 (default json-file)
              CAISSON_RUNTIME  the binary that runs containers (default caisson-runtime beside this one)
            """);
        return 0;
    default:
        Console.Error.WriteLine($"caissond: unknown argument '{args[0]}'; see caissond --help");
        return 2;
}

try
{
    await using EngineProcess engine = await EngineProcess.StartAsync(EngineDirectories.FromEnvironment());
    await engine.RunAsync();
    return 0;
}
catch (Exception error) when (error is CaissonException or IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine($"caissond: {error.Message}");
    return 1;
}
