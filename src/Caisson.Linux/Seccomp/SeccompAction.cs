namespace Caisson.Linux.Seccomp;

/// <summary>What the kernel does with a system call: the value a seccomp filter returns.</summary>
/// <remarks>The default value kills the thread, so a forgotten action is the strictest. Source: seccomp(2), "SECCOMP_RET_…".</remarks>
public readonly record struct SeccompAction
{
    private const uint DataMask = 0xffff;

    private SeccompAction(uint returnValue) => ReturnValue = returnValue;

    /// <summary>The 32 bits as the kernel reads them: action above, data in the low 16.</summary>
    public uint ReturnValue { get; }

    /// <summary>The low 16 bits: an errno, or the message to a tracer; otherwise 0.</summary>
    public ushort Data => (ushort)(ReturnValue & DataMask);

    /// <summary>Ends the calling thread with SIGSYS. OCI: <c>SCMP_ACT_KILL</c>, <c>SCMP_ACT_KILL_THREAD</c>.</summary>
    public static SeccompAction KillThread => new(0x00000000);

    /// <summary>Ends the process with SIGSYS. OCI: <c>SCMP_ACT_KILL_PROCESS</c>.</summary>
    public static SeccompAction KillProcess => new(0x80000000);

    /// <summary>Sends SIGSYS, which the program may catch. OCI: <c>SCMP_ACT_TRAP</c>.</summary>
    public static SeccompAction Trap => new(0x00030000);

    /// <summary>Asks the listener of the filter. OCI: <c>SCMP_ACT_NOTIFY</c>; Linux 5.0.</summary>
    public static SeccompAction Notify => new(0x7fc00000);

    /// <summary>Allows and writes an audit record. OCI: <c>SCMP_ACT_LOG</c>.</summary>
    public static SeccompAction Log => new(0x7ffc0000);

    /// <summary>Lets the call through. OCI: <c>SCMP_ACT_ALLOW</c>.</summary>
    public static SeccompAction Allow => new(0x7fff0000);

    /// <summary>Whether calls outside the policy go on in some way, so that newer ones need no ENOSYS of ours.</summary>
    internal bool IsPermissive => this == Allow || this == Log || (ReturnValue & ~DataMask) == 0x7ff00000;

    /// <summary>Refuses the call with <paramref name="errno"/> (the kernel caps it at 4095). OCI: <c>SCMP_ACT_ERRNO</c>.</summary>
    public static SeccompAction Fail(Errno errno) => new(0x00050000 | ((uint)errno & DataMask));

    /// <summary>Stops for a tracer with <paramref name="message"/>; ENOSYS when there is none. OCI: <c>SCMP_ACT_TRACE</c>.</summary>
    public static SeccompAction Trace(ushort message) => new(0x7ff00000 | (uint)message);

    /// <summary>The action in words, such as <c>errno EPERM</c>.</summary>
    public override string ToString() => (ReturnValue & ~DataMask) switch
    {
        0x00000000 => "kill thread",
        0x80000000 => "kill process",
        0x00030000 => "trap",
        0x00050000 => Enum.IsDefined((Errno)Data) ? $"errno {(Errno)Data}" : $"errno {Data}",
        0x7fc00000 => "notify",
        0x7ff00000 => $"trace {Data}",
        0x7ffc0000 => "log",
        0x7fff0000 => "allow",
        _ => $"0x{ReturnValue:x8}",
    };
}
