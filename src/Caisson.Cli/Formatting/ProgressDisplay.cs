using System.Text.Json;

using Caisson.Client.Streams;
using Caisson.Errors;
using Caisson.Linux.Terminals;

namespace Caisson.Cli.Formatting;

/// <summary>Progress of long work: one line for each part, rewritten in place on a terminal, final lines only elsewhere.</summary>
/// <remarks>Source: Docker Engine API, <c>/images/create</c> and <c>/images/load</c>: objects of status, id, progress, stream and error.</remarks>
internal static class ProgressDisplay
{
    /// <param name="session">Says whether <paramref name="output"/> is a terminal.</param>
    /// <param name="source">The stream of JSON objects.</param>
    /// <param name="output">Receives the text.</param>
    /// <returns>The last value of <c>aux.ID</c>, or empty.</returns>
    /// <exception cref="CaissonException">The work failed: the engine's own words.</exception>
    public static string Show(Session session, Stream source, TextWriter output)
    {
        bool terminal = !ReferenceEquals(output, TextWriter.Null)
            && session.IsTerminal(ReferenceEquals(output, session.Error) ? StandardDescriptor.Error : StandardDescriptor.Output);
        var lines = new Dictionary<string, int>(StringComparer.Ordinal);
        var paces = new Dictionary<string, (long Since, long Bytes)>(StringComparer.Ordinal);
        string result = "";
        foreach (var document in JsonLines.Read(source))
        {
            using (document)
            {
                var json = document.RootElement;
                ThrowIfFailed(json);
                if (json.TryGetProperty("aux", out var aux) && aux.ValueKind == JsonValueKind.Object && Text(aux, "ID") is { Length: > 0 } id)
                {
                    result = id;
                }
                Print(json, output, terminal, lines, terminal ? PaceText(json, paces, session.Clock) : "");
            }
        }
        output.Flush();
        return result;
    }

    private static void ThrowIfFailed(JsonElement json)
    {
        string error = json.TryGetProperty("errorDetail", out var detail) && Text(detail, "message") is { Length: > 0 } message
            ? message
            : Text(json, "error");
        if (error.Length > 0)
        {
            throw new CaissonException(ErrorKind.Internal, error);
        }
    }

    private static void Print(JsonElement json, TextWriter output, bool terminal, Dictionary<string, int> lines, string pace)
    {
        if (Text(json, "stream") is { Length: > 0 } stream)
        {
            output.Write(stream);
            return;
        }
        string status = Text(json, "status");
        string id = Text(json, "id");
        string progress = ProgressText(json);
        if (status.Length == 0 && progress.Length == 0)
        {
            return;
        }
        string line = (id.Length > 0 ? id + ": " : "") + status + (progress.Length > 0 ? " " + progress + pace : "");
        if (!terminal)
        {
            if (progress.Length == 0)
            {
                output.WriteLine(line);
            }
            return;
        }
        if (id.Length == 0)
        {
            lines.Clear();
            output.WriteLine(line);
            return;
        }
        if (!lines.TryGetValue(id, out int at))
        {
            lines[id] = lines.Count;
            output.WriteLine(line);
            return;
        }
        int up = lines.Count - at;
        output.Write($"\x1b[{up}A\x1b[2K\r{line}\r\x1b[{up}B");
        output.Flush();
    }

    private static string ProgressText(JsonElement json)
    {
        if (!json.TryGetProperty("progressDetail", out var detail) || detail.ValueKind != JsonValueKind.Object
            || !detail.TryGetProperty("current", out var current) || !current.TryGetInt64(out long done) || done <= 0)
        {
            return "";
        }
        if (!detail.TryGetProperty("total", out var total) || !total.TryGetInt64(out long all) || all <= 0)
        {
            return HumanSize.Decimal(done, 4);
        }
        int bar = (int)Math.Clamp(done * 50 / all, 0, 50);
        return $"[{new string('=', Math.Max(bar - 1, 0))}>{new string(' ', 50 - Math.Max(bar, 1))}]  {HumanSize.Decimal(done, 4)}/{HumanSize.Decimal(all, 4)}";
    }

    /// <summary>How fast one part goes, and how long it still takes; nothing within the first second, when nobody can know.</summary>
    private static string PaceText(JsonElement json, Dictionary<string, (long Since, long Bytes)> paces, TimeProvider clock)
    {
        if (!json.TryGetProperty("progressDetail", out var detail) || detail.ValueKind != JsonValueKind.Object
            || !detail.TryGetProperty("current", out var current) || !current.TryGetInt64(out long done))
        {
            return "";
        }
        string key = Text(json, "id") + Text(json, "status");
        long now = clock.GetTimestamp();
        if (!paces.TryGetValue(key, out var begun))
        {
            paces[key] = (now, done);
            return "";
        }
        double seconds = clock.GetElapsedTime(begun.Since, now).TotalSeconds;
        double rate = (done - begun.Bytes) / Math.Max(seconds, 0.001);
        if (seconds < 1 || rate <= 0)
        {
            return "";
        }
        string left = detail.TryGetProperty("total", out var total) && total.TryGetInt64(out long all) && all > done
            ? $"  {TimeSpan.FromSeconds(Math.Min((all - done) / rate, 86_399)):h\\:mm\\:ss} left"
            : "";
        return $"  {HumanSize.Decimal((long)rate, 3)}/s{left}";
    }

    private static string Text(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : "";
}
