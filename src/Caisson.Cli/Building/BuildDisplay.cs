using System.Globalization;
using System.Text.Json;

using Caisson.Client.Streams;
using Caisson.Errors;

namespace Caisson.Cli.Building;

/// <summary>How a build goes: a line for each step as it begins and ends, its output behind its number.</summary>
internal sealed class BuildDisplay(TextWriter output, bool ansi, bool json)
{
    private readonly Dictionary<int, (string Title, string Left)> _steps = [];

    /// <summary>Shows a build to its end.</summary>
    /// <returns>The image's id.</returns>
    /// <exception cref="CaissonException">It failed: the engine's own words.</exception>
    public string Show(Stream source)
    {
        string id = "";
        foreach (var document in JsonLines.Read(source))
        {
            using (document)
            {
                JsonElement line = document.RootElement;
                if (line.TryGetProperty("errorDetail", out JsonElement error) || line.TryGetProperty("error", out error))
                {
                    output.Flush();
                    throw new CaissonException(ErrorKind.FailedPrecondition, error.ValueKind == JsonValueKind.Object ? Text(error, "message") : error.ToString());
                }
                if (line.TryGetProperty("aux", out JsonElement aux))
                {
                    id = Text(aux, "ID");
                }
                Print(line);
            }
        }
        output.Flush();
        return id;
    }

    private void Print(JsonElement line)
    {
        if (json)
        {
            output.WriteLine(line.GetRawText());
        }
        else if (line.TryGetProperty("step", out JsonElement step))
        {
            PrintStep(step);
        }
        else if (Text(line, "stream") is { Length: > 0 } stream)
        {
            output.Write(stream);
        }
        output.Flush();
    }

    private void PrintStep(JsonElement step)
    {
        int number = step.GetProperty("number").GetInt32();
        switch (Text(step, "state"))
        {
            case "started":
                string text = Text(step, "text");
                string title = $"[{Text(step, "stage")} {number}/{step.GetProperty("total").GetInt32()}] {(text.Length > 160 ? text[..160] + "…" : text)}";
                _steps[number] = (title, "");
                output.WriteLine($"{Mark(number)} {Bold(title)}");
                break;
            case "cached":
                End(number, "CACHED");
                break;
            case "done":
                double seconds = step.GetProperty("milliseconds").GetDouble() / 1000;
                End(number, string.Create(CultureInfo.InvariantCulture, $"DONE {seconds:0.0}s"));
                break;
            default:
                PrintOutput(number, Text(step, "output"));
                break;
        }
    }

    /// <summary>Whole lines only, so that those of two steps do not mix; what a carriage return overwrites is left out.</summary>
    private void PrintOutput(int number, string text)
    {
        (string title, string left) = _steps.GetValueOrDefault(number);
        string all = left + text;
        int end = all.LastIndexOf('\n');
        foreach (string line in end < 0 ? [] : all[..end].Split('\n'))
        {
            string shown = line.TrimEnd('\r');
            output.WriteLine($"{Mark(number)} {shown[(shown.LastIndexOf('\r') + 1)..]}");
        }
        _steps[number] = (title, all[(end + 1)..]);
    }

    private void End(int number, string how)
    {
        if (_steps.TryGetValue(number, out (string Title, string Left) step) && step.Left.Length > 0)
        {
            output.WriteLine($"{Mark(number)} {step.Left}");
        }
        output.WriteLine($"{Mark(number)} {how}");
    }

    private string Mark(int number) => ansi
        ? string.Create(CultureInfo.InvariantCulture, $"\x1b[36m#{number}\x1b[0m")
        : string.Create(CultureInfo.InvariantCulture, $"#{number}");

    private string Bold(string text) => ansi ? $"\x1b[1m{text}\x1b[0m" : text;

    private static string Text(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
}
