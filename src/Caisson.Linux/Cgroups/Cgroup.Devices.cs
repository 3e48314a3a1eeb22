using Caisson.Errors;

namespace Caisson.Linux;

public sealed partial class Cgroup
{
    /// <summary>Sets which devices the group's processes may use, replacing what was set before.</summary>
    /// <remarks>
    /// Version 1: the <c>devices</c> controller; for a moment of a change nothing but the default is in force, so change a running group only when frozen
    /// or denying. Version 2: an eBPF program, replaced in one step.
    /// </remarks>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Unimplemented"/>: the host can enforce no device rules.</exception>
    public void SetDevices(DeviceAccess access)
    {
        if (_layout.Find("devices") is not null)
        {
            foreach (CgroupSetting setting in access.ToSettings())
            {
                Apply(setting);
            }
            return;
        }
        string directory = _layout.Mode == CgroupMode.Unified && DirectoryOf("") is { } unified
            ? unified
            : throw new CaissonException(ErrorKind.Unimplemented, $"device rules of {this}: the host has neither the version 1 devices controller nor version 2 alone");
        DeviceProgram.Attach(directory, access);
    }
}
