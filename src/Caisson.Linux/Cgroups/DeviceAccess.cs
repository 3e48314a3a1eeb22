using System.Collections.Immutable;
using System.Globalization;
using Caisson.Errors;

namespace Caisson.Linux;

/// <summary>What may be done with a device node. Source: cgroup-v1/devices.rst.</summary>
[Flags]
public enum DevicePermissions
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Create the node.</summary>
    MakeNode = Abi.Kernel.BPF_DEVCG_ACC_MKNOD,

    /// <summary>Open for reading.</summary>
    Read = Abi.Kernel.BPF_DEVCG_ACC_READ,

    /// <summary>Open for writing.</summary>
    Write = Abi.Kernel.BPF_DEVCG_ACC_WRITE,

    /// <summary>All of it.</summary>
    All = MakeNode | Read | Write,
}

/// <summary>One rule, as OCI and version 1 know it.</summary>
/// <param name="Allow">Or deny.</param>
/// <param name="Kind"><see cref="FileKind.CharacterDevice"/>, <see cref="FileKind.BlockDevice"/>, or <see cref="FileKind.Unknown"/> for all devices, which also resets earlier rules.</param>
/// <param name="Major">Null: any.</param>
/// <param name="Minor">Null: any.</param>
/// <param name="Permissions">Which of them the rule is about.</param>
public readonly record struct DeviceRule(bool Allow, FileKind Kind, uint? Major, uint? Minor, DevicePermissions Permissions)
{
    /// <summary>As <c>devices.allow</c> takes it: <c>c 1:* rw</c>.</summary>
    public override string ToString()
    {
        char kind = Kind switch { FileKind.CharacterDevice => 'c', FileKind.BlockDevice => 'b', _ => 'a' };
        string permissions = string.Concat(
            Permissions.HasFlag(DevicePermissions.Read) ? "r" : "",
            Permissions.HasFlag(DevicePermissions.Write) ? "w" : "",
            Permissions.HasFlag(DevicePermissions.MakeNode) ? "m" : "");
        return $"{kind} {Text(Major)}:{Text(Minor)} {permissions}";

        static string Text(uint? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "*";
    }
}

/// <summary>Rules brought to one form that both versions of control groups can enforce alike: a default and its exceptions.</summary>
/// <param name="DefaultAllow">What holds for a device that no exception names.</param>
/// <param name="Exceptions">What is allowed though the default denies, or denied though it allows. <see cref="DeviceRule.Allow"/> is the reverse of the default.</param>
public sealed record DeviceAccess(bool DefaultAllow, ImmutableArray<DeviceRule> Exceptions)
{
    /// <summary>Follows the rules in order, with the meaning of version 1: a rule for all devices sets the default and forgets the rest.</summary>
    /// <param name="rules">An empty list denies everything.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: a rule takes back a part only of what an earlier one with wildcards gave.</exception>
    public static DeviceAccess Compile(IEnumerable<DeviceRule> rules)
    {
        bool allow = false;
        Dictionary<(FileKind, uint?, uint?), DevicePermissions> exceptions = [];
        foreach (DeviceRule rule in rules)
        {
            if (rule.Kind == FileKind.Unknown)
            {
                allow = rule.Allow;
                exceptions.Clear();
                continue;
            }
            if (rule.Kind is not (FileKind.CharacterDevice or FileKind.BlockDevice) || rule.Permissions == 0)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"device rule \"{rule}\": needs a kind (a, b or c) and some of r, w and m");
            }
            var key = (rule.Kind, rule.Major, rule.Minor);
            var known = exceptions.GetValueOrDefault(key);
            if (rule.Allow != allow)
            {
                exceptions[key] = known | rule.Permissions;
                continue;
            }
            RefusePartOf(rule, exceptions);
            exceptions[key] = known & ~rule.Permissions;
        }
        return new(allow, [.. exceptions
            .Where(entry => entry.Value != 0)
            .Select(entry => new DeviceRule(!allow, entry.Key.Item1, entry.Key.Item2, entry.Key.Item3, entry.Value))]);
    }

    /// <summary>The writes for a version 1 group. It must have no groups below it.</summary>
    public IEnumerable<CgroupSetting> ToSettings()
    {
        yield return new("devices", DefaultAllow ? "devices.allow" : "devices.deny", "a");
        foreach (DeviceRule rule in Exceptions)
        {
            yield return new("devices", rule.Allow ? "devices.allow" : "devices.deny", rule.ToString());
        }
    }

    /// <summary>A hole in a wildcard has no form in either version; to ignore it would leave open what was to be closed.</summary>
    private static void RefusePartOf(DeviceRule rule, Dictionary<(FileKind Kind, uint? Major, uint? Minor), DevicePermissions> exceptions)
    {
        foreach (var (wider, permissions) in exceptions)
        {
            bool covers = wider.Kind == rule.Kind
                && (wider.Major is null || wider.Major == rule.Major)
                && (wider.Minor is null || wider.Minor == rule.Minor)
                && (wider.Major, wider.Minor) != (rule.Major, rule.Minor);
            if (covers && (permissions & rule.Permissions) != 0)
            {
                throw new CaissonException(
                    ErrorKind.InvalidArgument, $"device rule \"{rule}\": takes back a part of an earlier rule with wildcards, which cannot be enforced; list the devices one by one");
            }
        }
    }
}
