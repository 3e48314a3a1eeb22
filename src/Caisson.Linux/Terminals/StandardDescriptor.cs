namespace Caisson.Linux.Terminals;

/// <summary>The three descriptors every process is started with. Source: stdin(3).</summary>
public enum StandardDescriptor
{
    /// <summary>Standard input.</summary>
    Input = 0,

    /// <summary>Standard output.</summary>
    Output = 1,

    /// <summary>Standard error.</summary>
    Error = 2,
}

/// <summary>The standard descriptors as handles that live as long as the process, so that nobody closes them.</summary>
internal static class StandardDescriptors
{
    private static readonly Descriptor[] All = [Descriptor.TakeOver(0), Descriptor.TakeOver(1), Descriptor.TakeOver(2)];

    public static Descriptor Of(StandardDescriptor descriptor) => All[(int)descriptor];
}
