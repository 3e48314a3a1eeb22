using System.Globalization;

using Caisson.Errors;
using Caisson.Images.Archives;
using Caisson.Images.Snapshots;
using Caisson.Linux;
using Caisson.Machines.Agent;

namespace Caisson.Init;

/// <summary>Copies between the files of the machine's first program and archives, beside it: see <see cref="GuestArchive"/>.</summary>
internal static class GuestArchiveProgram
{
    /// <summary>Runs to the end.</summary>
    /// <param name="words">What is to be done.</param>
    /// <returns>The exit code.</returns>
    public static int Run(ReadOnlySpan<string> words)
    {
        try
        {
            using RootDirectory root = OpenRoot();
            switch (words)
            {
                case [GuestArchive.Look, var path]:
                    ContainerPath found = ContainerFiles.Stat(root, path);
                    using (Descriptor output = Descriptor.FromInherited(1))
                    {
                        output.Write(GuestArchive.Tell(found.Status, found.LinkTarget));
                    }
                    return 0;
                case [GuestArchive.Read, var path]:
                    using (FileStream output = Open(1, FileAccess.Write))
                    {
                        ContainerFiles.Read(root, path, null, output, CancellationToken.None);
                    }
                    return 0;
                case [GuestArchive.Extract, var path, var keepsKinds, var user, var group]:
                    using (FileStream input = Open(0, FileAccess.Read))
                    {
                        (uint, uint)? owner = user.Length > 0 ? (uint.Parse(user, CultureInfo.InvariantCulture), uint.Parse(group, CultureInfo.InvariantCulture)) : null;
                        ContainerFiles.ExtractPlain(root, path, input, keepsKinds == "1", owner, null, CancellationToken.None);
                    }
                    return 0;
                case [GuestArchive.Export]:
                    using (FileStream output = Open(1, FileAccess.Write))
                    {
                        ContainerFiles.Export(root, output, CancellationToken.None);
                    }
                    return 0;
                case [GuestArchive.Changes]:
                    using (FileStream output = Open(1, FileAccess.Write))
                    using (DirectoryDescriptor upper = HostFiles.OpenDirectory(GuestRoot.ChangesPath))
                    using (RootDirectory image = RootDirectory.Open(GuestRoot.ImagePath))
                    {
                        output.Write([.. UpperFiles.Diff(upper, image).SelectMany(change => (byte[])[.. PathText.Encode(change.ToString()), 0])]);
                    }
                    return 0;
                case [GuestArchive.Layer]:
                    using (FileStream output = Open(1, FileAccess.Write))
                    using (DirectoryDescriptor upper = HostFiles.OpenDirectory(GuestRoot.ChangesPath))
                    {
                        UpperFiles.WriteLayer(upper, output, CancellationToken.None);
                    }
                    return 0;
                default:
                    throw new CaissonException(ErrorKind.Unimplemented, "the machine's agent is of another engine, and does not know what it was asked");
            }
        }
        catch (Exception error) when (error is CaissonException or IOException or FormatException)
        {
            using Descriptor errors = Descriptor.FromInherited(2);
            errors.Write(PathText.Encode(error.Message));
            return GuestArchive.CodeOf((error as CaissonException)?.Kind ?? ErrorKind.Internal);
        }
    }

    /// <summary>The root as the first program sees it, with all that is mounted there; held by its process, whose number nobody else gets meanwhile.</summary>
    private static RootDirectory OpenRoot()
    {
        string facts = HostFiles.TryReadText(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fdinfo/{GuestArchive.ProgramDescriptor}")) ?? "";
        string? line = facts.Split('\n').FirstOrDefault(line => line.StartsWith("Pid:", StringComparison.Ordinal));
        return line is not null && int.TryParse(line.AsSpan("Pid:".Length).Trim(), CultureInfo.InvariantCulture, out int pid) && pid > 0
            ? RootDirectory.Open(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/root"))
            : throw new CaissonException(ErrorKind.Unavailable, "the machine's program ended in this moment; try again");
    }

    private static FileStream Open(int number, FileAccess access) => new(Descriptor.FromInherited(number).ToFileHandle(), access, bufferSize: 0);
}
