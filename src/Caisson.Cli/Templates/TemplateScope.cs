namespace Caisson.Cli.Templates;

/// <summary>The dot and the variables that are visible at a place of a template.</summary>
internal sealed class TemplateScope
{
    private readonly TemplateScope? _outer;
    private Dictionary<string, object?>? _variables;

    public TemplateScope(object? root)
    {
        Dot = root;
        _variables = new(StringComparer.Ordinal) { ["$"] = root };
    }

    private TemplateScope(TemplateScope outer, object? dot)
    {
        _outer = outer;
        Dot = dot;
    }

    public object? Dot { get; }

    public TemplateScope Enter(object? dot) => new(this, dot);

    public object? Get(string name)
    {
        for (var scope = this; scope is not null; scope = scope._outer)
        {
            if (scope._variables?.TryGetValue(name, out object? value) == true)
            {
                return value;
            }
        }
        throw new TemplateException($"undefined variable \"{name}\"");
    }

    public void Set(string name, object? value, bool declare)
    {
        if (declare)
        {
            (_variables ??= new(StringComparer.Ordinal))[name] = value;
            return;
        }
        for (var scope = this; scope is not null; scope = scope._outer)
        {
            if (scope._variables?.ContainsKey(name) == true)
            {
                scope._variables[name] = value;
                return;
            }
        }
        throw new TemplateException($"undefined variable \"{name}\"");
    }
}
