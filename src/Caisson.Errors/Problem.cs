namespace Caisson.Errors;

/// <summary>One fault of a document that a user wrote.</summary>
/// <param name="Path">Where: a JSON pointer (RFC 6901), such as <c>/mounts/2/type</c>; empty for the whole document.</param>
/// <param name="Message">What is wrong and what would be right; lower case, no stop.</param>
public sealed record Problem(string Path, string Message)
{
    /// <inheritdoc/>
    public override string ToString() => Path.Length == 0 ? Message : $"{Path}: {Message}";
}
