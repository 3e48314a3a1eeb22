namespace Caisson.Linux;

/// <summary>A descriptor's number, kept from being closed and reused until disposed. Converts to a call's argument by itself.</summary>
internal readonly ref struct DescriptorHold
{
    private readonly Descriptor? _descriptor;

    internal DescriptorHold(Descriptor descriptor)
    {
        bool held = false;
        descriptor.DangerousAddRef(ref held);
        _descriptor = held ? descriptor : null;
        Number = (int)descriptor.DangerousGetHandle();
    }

    /// <summary>The number.</summary>
    internal int Number { get; }

    public static implicit operator nint(DescriptorHold hold) => hold.Number;

    public void Dispose() => _descriptor?.DangerousRelease();
}
