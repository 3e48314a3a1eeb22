using System.Globalization;

namespace Caisson.Control;

/// <summary>The engine's own log: one line for each thing a person who runs it should know, to one writer.</summary>
public sealed class EngineLog(TextWriter writer, TimeProvider time)
{
    private readonly Lock _lock = new();

    /// <summary>Something worth knowing.</summary>
    public void Note(string text) => Write("info", text);

    /// <summary>Something that went wrong and was dealt with or reported.</summary>
    public void Warn(string text) => Write("warn", text);

    private void Write(string level, string text)
    {
        string line = string.Create(
            CultureInfo.InvariantCulture, $"{time.GetUtcNow():yyyy-MM-ddTHH:mm:ss.fffZ} {level} {text.ReplaceLineEndings("\n  ")}");
        lock (_lock)
        {
            writer.WriteLine(line);
            writer.Flush();
        }
    }
}
