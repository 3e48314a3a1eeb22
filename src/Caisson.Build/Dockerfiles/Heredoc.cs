namespace Caisson.Build.Dockerfiles;

/// <summary>Text that follows an instruction up to a line with a word of the author's choice.</summary>
/// <param name="Name">The word, without quotes: the name of the file it makes.</param>
/// <param name="Expands">The word was not quoted, so variables in the text mean their values.</param>
/// <param name="StripsTabs">Written <c>&lt;&lt;-</c>: tabs at the beginning of lines are not part of the text.</param>
/// <param name="Content">The lines as they stand in the file.</param>
/// <remarks>Source: Dockerfile reference, "Here-Documents".</remarks>
public sealed record Heredoc(string Name, bool Expands, bool StripsTabs, string Content)
{
    /// <summary>What is meant: the lines without the tabs where they are stripped.</summary>
    public string Text => StripsTabs
        ? string.Join('\n', Content.Split('\n').Select(line => line.TrimStart('\t')))
        : Content;
}
