using Caisson.Linux.Launch;

namespace Caisson.Control.Sandboxes;

/// <summary>The program that holds the namespaces of pods, as a file that can be mounted.</summary>
internal static class HolderFile
{
    /// <summary>Where it is.</summary>
    public static string PathIn(string root) => $"{root}/pod-holder";

    /// <summary>Makes it when it is not there, or is that of another engine.</summary>
    public static void Make(string path)
    {
        byte[] program = HolderProgram.ToElf();
        if (!File.Exists(path) || !File.ReadAllBytes(path).AsSpan().SequenceEqual(program))
        {
            File.WriteAllBytes(path + ".new", program);
            File.SetUnixFileMode(path + ".new", (UnixFileMode)0x16D); // 0555
            File.Move(path + ".new", path, overwrite: true);
        }
    }
}
