using Caisson.Errors;

namespace Caisson.Qmp;

/// <summary>QEMU refused a command. Source: QEMU docs/interop/qmp-spec, "error".</summary>
/// <param name="command">What was asked.</param>
/// <param name="errorClass">QEMU's class, such as <c>CommandNotFound</c> or <c>GenericError</c>.</param>
/// <param name="description">What QEMU says, for people.</param>
public sealed class QmpException(string command, string errorClass, string description)
    : CaissonException(KindOf(errorClass), $"qemu refused {command}: {description}")
{
    /// <summary>What was asked.</summary>
    public string Command { get; } = command;

    /// <summary>QEMU's class.</summary>
    public string ErrorClass { get; } = errorClass;

    /// <summary>What QEMU says.</summary>
    public string Description { get; } = description;

    private static ErrorKind KindOf(string errorClass) => errorClass switch
    {
        "CommandNotFound" => ErrorKind.Unimplemented,
        "DeviceNotFound" => ErrorKind.NotFound,
        "DeviceNotActive" or "KVMMissingCap" => ErrorKind.FailedPrecondition,
        _ => ErrorKind.Internal,
    };
}
