using Caisson.Cli.Templates;

namespace Caisson.Cli.Formatting;

/// <summary>Prints a list as <c>--format</c> asks: a table, JSON lines, or a template for each row.</summary>
internal static class ListFormat
{
    /// <param name="output">Receives the text.</param>
    /// <param name="format">Empty, <c>table</c>, <c>json</c>, <c>table TEMPLATE</c> or a template.</param>
    /// <param name="usual">The template of the usual table.</param>
    /// <param name="columns">What rows have.</param>
    /// <param name="items">The rows.</param>
    /// <param name="label">Answers <c>.Label "key"</c>; null where rows have no labels.</param>
    public static void Print<T>(
        TextWriter output, string format, string usual, Column<T>[] columns, IEnumerable<T> items, Func<T, string, string>? label = null)
    {
        if (format == "json")
        {
            foreach (var item in items)
            {
                output.WriteLine(TemplateJson.Write(new Row<T>(item, columns, label)));
            }
            return;
        }
        bool table = format is "" or "table" || format.StartsWith("table ", StringComparison.Ordinal);
        string text = format is "" or "table" ? usual : table ? format["table ".Length..].Trim() : format;
        var template = Template.Parse(text.Replace("\\t", "\t", StringComparison.Ordinal).Replace("\\n", "\n", StringComparison.Ordinal));
        if (!table)
        {
            foreach (var item in items)
            {
                output.WriteLine(template.Render(new Row<T>(item, columns, label)));
            }
            return;
        }
        var lines = new ColumnWriter();
        lines.Add(template.Render(new HeadingRow<T>(columns)));
        foreach (var item in items)
        {
            lines.Add(template.Render(new Row<T>(item, columns, label)));
        }
        lines.Flush(output);
    }
}
