using System.Globalization;

using Caisson.Control.Logs;
using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Images.Registry;

namespace Caisson.Engine;

/// <summary>Where this engine keeps things. Two engines with different directories never meet.</summary>
/// <param name="Root">What outlives a reboot; mode 0700.</param>
/// <param name="Run">Sockets and locks; mode 0711, so that the socket's own mode decides.</param>
internal sealed record EngineDirectories(string Root, string Run)
{
    /// <summary>The Docker API.</summary>
    public string DockerSocket => $"{Run}/docker.sock";

    /// <summary>The same API under our own name.</summary>
    public string CaissonSocket => $"{Run}/caisson.sock";

    /// <summary>The Container Runtime Interface, for a kubelet.</summary>
    public string CriSocket => $"{Run}/cri.sock";

    /// <summary>The engine's process id, for people.</summary>
    public string PidFile => $"{Run}/engine.pid";

    /// <summary>The binary that keeps and monitors processes: <c>CAISSON_RUNTIME</c>, or the one beside this engine.</summary>
    public static string RuntimePath => Environment.GetEnvironmentVariable("CAISSON_RUNTIME") is { Length: > 0 } path
        ? Path.GetFullPath(path)
        : Path.Combine(Path.GetDirectoryName(Environment.ProcessPath) ?? "/", "caisson-runtime");

    /// <summary>The directory with the programs of machines: that of the runtime.</summary>
    public static string ProgramsDirectory => Path.GetDirectoryName(RuntimePath) ?? "/";

    /// <summary>How output of containers is kept that do not say: <c>CAISSON_LOG</c>, such as <c>local,max-size=50m</c>.</summary>
    public static LogConfig LogDefault => LogPlan.ReadDefault(Environment.GetEnvironmentVariable("CAISSON_LOG") ?? "");

    /// <summary>How registries are reached: the file <c>CAISSON_REGISTRIES</c>, or <c>/etc/caisson/registries.json</c>.</summary>
    public static RegistrySettings Registries => RegistrySettings.Read(Absolute("CAISSON_REGISTRIES", "/etc/caisson/registries.json"));

    /// <summary>Reads <c>CAISSON_ROOT</c> and <c>CAISSON_RUN</c>.</summary>
    public static EngineDirectories FromEnvironment() => new(Absolute("CAISSON_ROOT", "/var/lib/caisson"), Absolute("CAISSON_RUN", "/run/caisson"));

    /// <summary>Makes the directories and takes both for this process alone.</summary>
    /// <returns>The locks; they end with the process at the latest.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Conflict"/>: another engine has one of them.</exception>
    public IReadOnlyList<FileStream> Take()
    {
        const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Directory.CreateDirectory(Root, Owner);
        Directory.CreateDirectory(Run, Owner | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        List<FileStream> locks = [Lock(Run)];
        try
        {
            locks.Add(Lock(Root));
            return locks;
        }
        catch
        {
            locks[0].Dispose();
            throw;
        }
    }

    private FileStream Lock(string directory)
    {
        try
        {
            return new FileStream($"{directory}/engine.lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException error) when (error is not (DirectoryNotFoundException or FileNotFoundException or PathTooLongException))
        {
            string holder = File.Exists(PidFile) && int.TryParse(File.ReadAllText(PidFile).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int pid)
                ? $" (pid {pid})" : "";
            throw new CaissonException(
                ErrorKind.Conflict, $"another engine{holder} uses {directory}; stop it, or set CAISSON_ROOT and CAISSON_RUN to other directories", error);
        }
    }

    private static string Absolute(string variable, string otherwise)
    {
        string path = Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value ? value : otherwise;
        return Path.IsPathRooted(path)
            ? Path.TrimEndingDirectorySeparator(path)
            : throw new CaissonException(ErrorKind.InvalidArgument, $"{variable} is '{path}', which is not an absolute path");
    }
}
