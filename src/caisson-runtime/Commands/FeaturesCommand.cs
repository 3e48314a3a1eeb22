using Caisson.Containers.Documents;
using Caisson.Containers.Seccomp;
using Caisson.Oci.Runtime;
using Caisson.Runtime.CommandLine;

namespace Caisson.Runtime.Commands;

/// <summary><c>features</c>: what this runtime understands.</summary>
internal static class FeaturesCommand
{
    public static int Run(string[] args)
    {
        Arguments.Read(args, [], 0, 0);
        StandardOutput.Write(RuntimeSpecJson.ToUtf8(RuntimeFeatures.Describe(Invocation.Version, SeccompSupport.Features), indented: true));
        return 0;
    }
}
