using System.Globalization;

namespace Caisson.Runtime.Running;

/// <summary>The file in which a caller finds the pid; whoever reads it finds all of it.</summary>
internal static class PidFile
{
    public static void Write(string? path, int pid)
    {
        if (path is null)
        {
            return;
        }
        string full = Path.GetFullPath(path);
        string fresh = Path.Combine(Path.GetDirectoryName(full) ?? "/", $".{Path.GetFileName(full)}");
        File.WriteAllText(fresh, pid.ToString(CultureInfo.InvariantCulture));
        File.Move(fresh, full, overwrite: true);
    }
}
