using System.Text;

namespace Caisson.Cli.Templates;

/// <summary>A parsed template; renders any number of values.</summary>
internal sealed class Template
{
    private readonly TemplateNode[] _nodes;

    private Template(TemplateNode[] nodes) => _nodes = nodes;

    /// <exception cref="TemplateException">The template is malformed.</exception>
    public static Template Parse(string text) => new(TemplateParser.Parse(text));

    /// <exception cref="TemplateException">The template does not fit the value.</exception>
    public string Render(object? value)
    {
        var output = new StringBuilder();
        TemplateNode.RenderAll(_nodes, output, new TemplateScope(value));
        return output.ToString();
    }
}
