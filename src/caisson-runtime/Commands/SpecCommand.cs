using Caisson.Containers.Documents;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Oci.Runtime;
using Caisson.Runtime.CommandLine;

namespace Caisson.Runtime.Commands;

/// <summary><c>spec</c>: a config.json to begin with.</summary>
internal static class SpecCommand
{
    public static int Run(string[] args)
    {
        var arguments = Arguments.Read(args, ["bundle|b=", "rootless"], 0, 0);
        string file = Path.Combine(Path.GetFullPath(arguments.Value("bundle") ?? "."), "config.json");
        if (File.Exists(file))
        {
            throw new CaissonException(ErrorKind.AlreadyExists, $"file {file} exists; remove it first");
        }
        bool isV2 = CgroupLayout.Detect().Mode == Linux.CgroupMode.Unified;
        RuntimeSpec spec = DefaultSpec.Create(isV2);
        if (arguments.Has("rootless"))
        {
            using var self = HostFiles.OpenPath("/proc/self");
            var status = self.Status;
            spec = DefaultSpec.CreateRootless(isV2, status.UserId, status.GroupId);
        }
        File.WriteAllBytes(file, RuntimeSpecJson.ToUtf8(spec, indented: true));
        return 0;
    }
}
