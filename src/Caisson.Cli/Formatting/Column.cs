using Caisson.Cli.Templates;

namespace Caisson.Cli.Formatting;

/// <summary>A field that rows of a list have.</summary>
/// <param name="Name">As templates name it.</param>
/// <param name="Heading">Over its column in a table.</param>
/// <param name="Get">Its value for a row.</param>
internal sealed record Column<T>(string Name, string Heading, Func<T, object?> Get);

/// <summary>A row of a list, as templates see it.</summary>
internal sealed class Row<T>(T item, Column<T>[] columns, Func<T, string, string>? label = null) : ITemplateObject
{
    public IEnumerable<string> Names => columns.Select(column => column.Name).Order(StringComparer.Ordinal);

    public bool TryGet(string name, IReadOnlyList<object?> arguments, out object? value)
    {
        if (label is not null && name == "Label" && arguments is [string key])
        {
            value = label(item, key);
            return true;
        }
        foreach (var column in columns)
        {
            if (column.Name == name)
            {
                value = column.Get(item);
                return true;
            }
        }
        value = null;
        return false;
    }
}

/// <summary>The headings of a list: each field's value is its heading.</summary>
internal sealed class HeadingRow<T>(Column<T>[] columns) : ITemplateObject
{
    public IEnumerable<string> Names => columns.Select(column => column.Name).Order(StringComparer.Ordinal);

    public bool TryGet(string name, IReadOnlyList<object?> arguments, out object? value)
    {
        value = name == "Label" && arguments is [string key]
            ? key[(key.LastIndexOf('.') + 1)..].Replace('-', ' ').Replace('_', ' ')
            : columns.FirstOrDefault(column => column.Name == name)?.Heading;
        return value is not null;
    }
}
