using System.Globalization;
using System.Text;

namespace Caisson.Api.Metrics;

/// <summary>Writes figures as Prometheus reads them. Source: Prometheus documentation, "Exposition formats", text format 0.0.4.</summary>
internal sealed class MetricsText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly StringBuilder _text = new();

    /// <summary>A family of figures; all of its samples follow at once, as the format asks.</summary>
    /// <param name="name">With its unit at the end, and <c>_total</c> when it is a counter.</param>
    /// <param name="help">What it says, in a line.</param>
    public Family Counter(string name, string help) => Begin(name, "counter", help);

    /// <inheritdoc cref="Counter"/>
    public Family Gauge(string name, string help) => Begin(name, "gauge", help);

    public override string ToString() => _text.ToString();

    private Family Begin(string name, string type, string help)
    {
        _text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");
        return new Family(_text, name);
    }

    /// <summary>The samples of one family.</summary>
    internal readonly struct Family(StringBuilder text, string name)
    {
        /// <summary>Adds a sample; labels without a value are left out.</summary>
        public Family Add(double value, params ReadOnlySpan<(string Name, string Value)> labels)
        {
            text.Append(name);
            char before = '{';
            foreach ((string label, string content) in labels)
            {
                if (content.Length > 0)
                {
                    text.Append(before).Append(label).Append("=\"");
                    Escape(content);
                    text.Append('"');
                    before = ',';
                }
            }
            text.Append(before == ',' ? "} " : " ").Append(value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
            return this;
        }

        private void Escape(string content)
        {
            foreach (char one in content)
            {
                _ = one switch
                {
                    '\\' => text.Append("\\\\"),
                    '"' => text.Append("\\\""),
                    '\n' => text.Append("\\n"),
                    _ => text.Append(one),
                };
            }
        }
    }
}
