namespace Caisson.Cli.Templates;

/// <summary>A part of a template that has a value.</summary>
internal abstract record TemplateExpression
{
    private TemplateExpression()
    {
    }

    public abstract object? Evaluate(TemplateScope scope);

    /// <summary>A string, a number, <c>true</c>, <c>nil</c>.</summary>
    public sealed record Constant(object? Value) : TemplateExpression
    {
        public override object? Evaluate(TemplateScope scope) => Value;
    }

    /// <summary><c>.</c></summary>
    public sealed record Dot : TemplateExpression
    {
        public override object? Evaluate(TemplateScope scope) => scope.Dot;
    }

    /// <summary><c>$name</c></summary>
    public sealed record Variable(string Name) : TemplateExpression
    {
        public override object? Evaluate(TemplateScope scope) => scope.Get(Name);
    }

    /// <summary><c>of.Name arguments…</c></summary>
    public sealed record Field(TemplateExpression Of, string Name, TemplateExpression[] Arguments) : TemplateExpression
    {
        public override object? Evaluate(TemplateScope scope) => TemplateValues.Field(
            Of.Evaluate(scope), Name, Array.ConvertAll(Arguments, argument => argument.Evaluate(scope)));
    }

    /// <summary><c>function arguments…</c></summary>
    public sealed record Call(string Function, TemplateExpression[] Arguments) : TemplateExpression
    {
        public override object? Evaluate(TemplateScope scope) => Function is "and" or "or"
            ? ShortCut(scope)
            : TemplateFunctions.Call(Function, Array.ConvertAll(Arguments, argument => argument.Evaluate(scope)));

        private object? ShortCut(TemplateScope scope)
        {
            object? value = null;
            foreach (var argument in Arguments)
            {
                value = argument.Evaluate(scope);
                if (TemplateValues.IsTrue(value) == (Function == "or"))
                {
                    break;
                }
            }
            return value;
        }
    }
}
