using System.Collections.Immutable;
using Caisson.Errors;

namespace Caisson.Oci.Runtime;

/// <summary>What a document must satisfy beyond its shape, whatever host it meets. Pure.</summary>
/// <remarks>
/// Refuses what the specification or the kernel refuses, and accepts, with a warning, what runc accepts with one. What depends on
/// the host (does a path exist, is a controller there) is the planners' to say. Source: runtime-spec config.md, config-linux.md.
/// </remarks>
public static partial class RuntimeSpecRules
{
    private const int HostnameBytesMax = 64;

    /// <summary>Checks a whole document.</summary>
    /// <param name="spec">As read without a problem.</param>
    /// <param name="problems">Receives every refusal.</param>
    /// <param name="warnings">Receives what is accepted but does not do what its author may think; null when nobody asks.</param>
    public static void Check(RuntimeSpec spec, ICollection<Problem> problems, ICollection<Problem>? warnings = null)
    {
        var report = new RuleReport(problems, warnings);
        LinuxConfig linux = spec.Linux ?? new LinuxConfig();

        CheckVersion(spec.OciVersion, report);
        CheckRoot(spec.Root, report);
        if (spec.Process is null)
        {
            report.Problem("/process", "is required: it says what to run");
        }
        else
        {
            CheckProcess(spec.Process, "/process", report);
            CheckUserIsMapped(spec.Process.User, linux, report);
        }
        CheckName("/hostname", spec.Hostname, linux, report);
        CheckName("/domainname", spec.Domainname, linux, report);
        CheckMounts(spec.Mounts, report);
        CheckHooks(spec.Hooks, report);
        if (spec.Annotations.ContainsKey(""))
        {
            report.Problem("/annotations/", "a key must not be empty");
        }
        CheckLinux(linux, report);
    }

    /// <summary>Checks the document of <c>exec --process</c>.</summary>
    /// <param name="process">As read without a problem.</param>
    /// <param name="problems">Receives every refusal.</param>
    /// <param name="warnings">As for <see cref="Check"/>.</param>
    public static void CheckProcess(Process process, ICollection<Problem> problems, ICollection<Problem>? warnings = null) =>
        CheckProcess(process, "", new RuleReport(problems, warnings));

    /// <summary>Checks the document of <c>update --resources</c>.</summary>
    /// <param name="resources">As read without a problem.</param>
    /// <param name="path">The JSON pointer of the document, such as <c>/linux/resources</c>; empty when it stands alone.</param>
    /// <param name="problems">Receives every refusal.</param>
    /// <param name="warnings">As for <see cref="Check"/>.</param>
    public static void CheckResources(
        LinuxResources resources, string path, ICollection<Problem> problems, ICollection<Problem>? warnings = null) =>
        CheckResources(resources, path, new RuleReport(problems, warnings));

    private static void CheckVersion(string version, RuleReport report)
    {
        string[] parts = version.Split('-', '+')[0].Split('.');
        if (parts.Length != 3 || !parts.All(part => part.Length is > 0 and < 10 && part.All(char.IsAsciiDigit)))
        {
            report.Problem("/ociVersion", $"must be a semantic version such as {RuntimeSpec.VersionMax}, not '{version}'");
        }
        else if (parts[0] != "1")
        {
            report.Problem("/ociVersion", $"version {version} is not supported; 1.0.0 to {RuntimeSpec.VersionMax} are");
        }
    }

    private static void CheckRoot(Root? root, RuleReport report)
    {
        if (root is null)
        {
            report.Problem("/root", "is required");
        }
        else if (root.Path.Length == 0)
        {
            report.Problem("/root/path", "must not be empty");
        }
    }

    private static void CheckName(string path, string? name, LinuxConfig linux, RuleReport report)
    {
        if (name is null)
        {
            return;
        }
        if (linux.Namespace(NamespaceType.Uts) is null)
        {
            report.Problem(path, "needs a namespace of type uts in /linux/namespaces, or it would be the host's");
        }
        if (System.Text.Encoding.UTF8.GetByteCount(name) > HostnameBytesMax)
        {
            report.Problem(path, $"must have at most {HostnameBytesMax} bytes");
        }
    }

    private static void CheckMounts(ImmutableArray<Mount> mounts, RuleReport report)
    {
        for (int i = 0; i < mounts.Length; i++)
        {
            string path = $"/mounts/{i}";
            Mount mount = mounts[i];
            if (mount.Destination.Length == 0)
            {
                report.Problem($"{path}/destination", "must not be empty");
            }
            else if (!mount.Destination.StartsWith('/'))
            {
                report.Warning($"{path}/destination", $"'{mount.Destination}' is relative, which is deprecated; it is taken from /");
            }
            if (mount.UidMappings.IsEmpty != mount.GidMappings.IsEmpty)
            {
                string missing = mount.UidMappings.IsEmpty ? "uidMappings" : "gidMappings";
                report.Problem($"{path}/{missing}", "is required: an id-mapped mount needs both mappings");
            }
            CheckMappings($"{path}/uidMappings", mount.UidMappings, report);
            CheckMappings($"{path}/gidMappings", mount.GidMappings, report);
        }
    }

    private static void CheckHooks(Hooks hooks, RuleReport report)
    {
        CheckHooks("/hooks/prestart", hooks.Prestart, report);
        CheckHooks("/hooks/createRuntime", hooks.CreateRuntime, report);
        CheckHooks("/hooks/createContainer", hooks.CreateContainer, report);
        CheckHooks("/hooks/startContainer", hooks.StartContainer, report);
        CheckHooks("/hooks/poststart", hooks.Poststart, report);
        CheckHooks("/hooks/poststop", hooks.Poststop, report);
    }

    private static void CheckHooks(string path, ImmutableArray<Hook> hooks, RuleReport report)
    {
        for (int i = 0; i < hooks.Length; i++)
        {
            report.Absolute($"{path}/{i}/path", hooks[i].Path);
        }
    }
}
