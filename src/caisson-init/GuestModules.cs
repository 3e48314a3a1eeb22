using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Init;

/// <summary>Loads modules of the kernel from the machine's first file system, in the order that was written down when it was made.</summary>
internal static class GuestModules
{
    private const int OrderBytesMax = 64 * 1024;

    /// <summary>Loads what the file <paramref name="order"/> names, a module a line, each after those it needs.</summary>
    /// <param name="directory">Where they are, by descriptor: the first file system is left.</param>
    /// <param name="order">The name of the file.</param>
    public static void Load(string directory, string order)
    {
        string text;
        using (FileDescriptor file = HostFiles.OpenRead($"{directory}/{order}"))
        {
            text = PathText.Decode(file.ReadToEnd(OrderBytesMax, order));
        }
        GuestDevices.Hold();
        foreach (string name in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            try
            {
                using FileDescriptor module = HostFiles.OpenRead($"{directory}/{name}");
                KernelModule.Load(module);
                GuestDevices.Hold();
            }
            catch (LinuxException error)
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, $"load the kernel's module {name}: {error.Message}", error);
            }
        }
    }
}
