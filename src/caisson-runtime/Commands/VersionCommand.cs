using Caisson.Runtime.CommandLine;

namespace Caisson.Runtime.Commands;

/// <summary><c>version</c> and <c>--version</c>, in the shape that engines parse.</summary>
internal static class VersionCommand
{
    public static int Run()
    {
        StandardOutput.Write(System.Text.Encoding.UTF8.GetBytes(
            $"caisson-runtime version {Invocation.Version}\nspec: {Oci.Runtime.RuntimeSpec.VersionMax}\n"));
        return 0;
    }
}
