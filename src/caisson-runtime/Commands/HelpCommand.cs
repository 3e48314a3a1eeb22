using Caisson.Runtime.CommandLine;

namespace Caisson.Runtime.Commands;

/// <summary><c>help</c>.</summary>
internal static class HelpCommand
{
    public static int Run()
    {
        StandardOutput.Write("""
            usage: caisson-runtime [--root DIR] [--log FILE] [--log-format text|json] [--debug] COMMAND

            an OCI runtime (specification 1.0 to 1.3)

              create ID          everything but the program (-b BUNDLE, --console-socket, --pid-file)
              start ID           the program of a created container
              run ID             create, start, wait, delete (-d, --keep)
              exec ID PROGRAM    a further process (-t, -d, -u, -e, --cwd, --cap, -p FILE)
              kill ID [SIGNAL]   SIGTERM unless said otherwise (--all)
              delete ID          what is left of a stopped container (--force)
              state ID           as JSON
              list               all containers (--format table|json, -q)
              ps ID              processes (--format table|json)
              pause ID, resume ID
              update ID          limits (--memory, --cpu-quota, --pids-limit, -r FILE|-)
              events ID          usage (--stats, --interval)
              spec               a config.json to begin with (-b BUNDLE, --rootless)
              features           what this runtime understands, as JSON
              explain BUNDLE     every system call of a start, and why
              version
            """u8);
        return 0;
    }
}
