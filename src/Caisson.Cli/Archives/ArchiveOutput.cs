using Caisson.Errors;
using Caisson.Linux.Terminals;

namespace Caisson.Cli.Archives;

/// <summary>Writes an archive to a file, which appears only when it is whole, or to standard output.</summary>
internal static class ArchiveOutput
{
    /// <exception cref="CaissonException">The archive would go to a terminal.</exception>
    public static void RefuseTerminal(Session session, string path)
    {
        if (path.Length == 0 && session.IsTerminal(StandardDescriptor.Output))
        {
            throw new CaissonException(
                ErrorKind.FailedPrecondition, "cowardly refusing to save to a terminal: use the -o flag or redirect");
        }
    }

    public static void Write(Session session, Stream archive, string path)
    {
        if (path.Length == 0)
        {
            archive.CopyTo(session.OutputStream, 128 * 1024);
            return;
        }
        if (path.StartsWith("/dev/", StringComparison.Ordinal))
        {
            using var device = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            archive.CopyTo(device, 128 * 1024);
            return;
        }
        string unfinished = $"{path}.{Environment.ProcessId}.part";
        try
        {
            using (var file = new FileStream(unfinished, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0))
            {
                archive.CopyTo(file, 128 * 1024);
            }
            File.Move(unfinished, path, overwrite: true);
        }
        catch
        {
            File.Delete(unfinished);
            throw;
        }
    }
}
