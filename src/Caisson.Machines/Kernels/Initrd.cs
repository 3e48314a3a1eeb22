using System.Text;

namespace Caisson.Machines.Kernels;

/// <summary>The first file system of a machine: our own first process, and the modules that the kernel needs to find its disks.</summary>
public static class Initrd
{
    /// <summary>Where the modules are, inside.</summary>
    public const string ModulesPath = "/modules";

    /// <summary>The file that names the modules every machine needs, in the order in which they are loaded.</summary>
    public const string BootOrder = "boot";

    /// <summary>The file that names those that a network needs.</summary>
    public const string NetworkOrder = "network";

    /// <summary>The file that names those that directories of the host need.</summary>
    public const string FilesOrder = "files";

    /// <summary>Writes it, unpacked: reading packed data takes an emulated processor longer than reading more.</summary>
    /// <param name="output">Receives the archive.</param>
    /// <param name="init">Our first process, a static executable.</param>
    /// <param name="modules">Their bytes by name.</param>
    /// <param name="orders">The files with orders, by name.</param>
    internal static void Write(
        Stream output, ReadOnlySpan<byte> init, IReadOnlyDictionary<string, byte[]> modules, IReadOnlyDictionary<string, IReadOnlyList<string>> orders)
    {
        var archive = new CpioWriter(output);
        archive.AddDirectory("dev");
        archive.AddDevice("dev/console", 5, 1);
        archive.AddDirectory(ModulesPath[1..]);
        foreach ((string name, byte[] module) in modules)
        {
            archive.AddFile($"{ModulesPath[1..]}/{name}", 0x124, module);
        }
        foreach ((string name, IReadOnlyList<string> order) in orders)
        {
            archive.AddFile($"{ModulesPath[1..]}/{name}", 0x124, Encoding.ASCII.GetBytes(string.Join('\n', order)));
        }
        archive.AddFile("init", 0x16d, init);
        archive.Finish();
    }
}
