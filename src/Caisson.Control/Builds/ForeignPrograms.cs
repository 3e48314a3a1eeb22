using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.Builds;

/// <summary>Whether steps of images for other machines can run here: only when the kernel was told which program does that.</summary>
/// <remarks>Source: the kernel's admin-guide/binfmt-misc; the flag F opens the program once, so that it need not be in the image.</remarks>
internal static class ForeignPrograms
{
    /// <summary>Sees that programs of a machine can run.</summary>
    /// <param name="architecture">The image's, as images call it.</param>
    /// <param name="own">This machine's.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: they cannot.</exception>
    public static void Require(string architecture, string own)
    {
        if (architecture == own || (own == "amd64" && architecture == "386"))
        {
            return;
        }
        string machine = architecture switch
        {
            "amd64" => "x86_64",
            "386" => "i386",
            "arm64" => "aarch64",
            var other => other,
        };
        string entry = HostFiles.TryReadText($"/proc/sys/fs/binfmt_misc/qemu-{machine.Replace('/', '-')}") ?? "";
        string[] lines = entry.Split('\n');
        if (!lines.Contains("enabled") || !lines.Any(line => line.StartsWith("flags:", StringComparison.Ordinal) && line.Contains('F')))
        {
            throw new CaissonException(
                ErrorKind.FailedPrecondition,
                $"the step runs programs for linux/{architecture}, and this machine is linux/{own}: that needs qemu-{machine} in binfmt_misc with the flag F (Debian: qemu-user-static); "
                + "without it, run programs in a stage FROM --platform=$BUILDPLATFORM and copy what they made");
        }
    }
}
