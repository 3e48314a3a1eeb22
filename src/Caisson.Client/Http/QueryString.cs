using System.Text;

namespace Caisson.Client.Http;

/// <summary>Builds the query of a request target: escapes, and leaves out what is not set.</summary>
public sealed class QueryString
{
    private readonly StringBuilder _text = new();

    /// <summary>Adds <paramref name="name"/> unless <paramref name="value"/> is null or empty.</summary>
    public QueryString Add(string name, string? value)
    {
        if (!string.IsNullOrEmpty(value))
        {
            _text.Append(_text.Length == 0 ? '?' : '&').Append(name).Append('=').Append(Uri.EscapeDataString(value));
        }
        return this;
    }

    /// <summary>Adds <c>name=1</c> when <paramref name="value"/> is true.</summary>
    public QueryString Add(string name, bool value) => Add(name, value ? "1" : null);

    /// <summary>Adds the number when there is one.</summary>
    public QueryString Add(string name, long? value) =>
        Add(name, value?.ToString(System.Globalization.CultureInfo.InvariantCulture));

    /// <inheritdoc/>
    public override string ToString() => _text.ToString();
}
