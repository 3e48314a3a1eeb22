namespace Caisson.Linux.Terminal;

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
