using System.Text;

namespace Caisson.Cli.Templates;

/// <summary>A part of a template that writes something.</summary>
internal abstract record TemplateNode
{
    private TemplateNode()
    {
    }

    public abstract void Render(StringBuilder output, TemplateScope scope);

    /// <summary>Text as it stands.</summary>
    public sealed record Literal(string Text) : TemplateNode
    {
        public override void Render(StringBuilder output, TemplateScope scope) => output.Append(Text);
    }

    /// <summary>The value of an expression.</summary>
    public sealed record Print(TemplateExpression Expression) : TemplateNode
    {
        public override void Render(StringBuilder output, TemplateScope scope) =>
            TemplateValues.Print(output, Expression.Evaluate(scope));
    }

    /// <summary><c>$name := expression</c> or <c>$name = expression</c>.</summary>
    public sealed record Assign(string Name, bool Declare, TemplateExpression Expression) : TemplateNode
    {
        public override void Render(StringBuilder output, TemplateScope scope) =>
            scope.Set(Name, Expression.Evaluate(scope), Declare);
    }

    /// <summary><c>if</c> and <c>with</c>.</summary>
    public sealed record Choice(TemplateExpression Condition, bool MovesDot, string? Name, TemplateNode[] Then, TemplateNode[] Else) : TemplateNode
    {
        public override void Render(StringBuilder output, TemplateScope scope)
        {
            object? value = Condition.Evaluate(scope);
            bool truth = TemplateValues.IsTrue(value);
            var inner = scope.Enter(MovesDot && truth ? value : scope.Dot);
            if (Name is not null)
            {
                inner.Set(Name, value, declare: true);
            }
            RenderAll(truth ? Then : Else, output, inner);
        }
    }

    /// <summary><c>range</c>.</summary>
    public sealed record Loop(TemplateExpression Items, string? KeyName, string? ItemName, TemplateNode[] Body, TemplateNode[] Else) : TemplateNode
    {
        public override void Render(StringBuilder output, TemplateScope scope)
        {
            bool any = false;
            foreach (var (key, item) in TemplateValues.Items(Items.Evaluate(scope)))
            {
                any = true;
                var inner = scope.Enter(item);
                if (KeyName is not null)
                {
                    inner.Set(KeyName, key, declare: true);
                }
                if (ItemName is not null)
                {
                    inner.Set(ItemName, item, declare: true);
                }
                RenderAll(Body, output, inner);
            }
            if (!any)
            {
                RenderAll(Else, output, scope.Enter(scope.Dot));
            }
        }
    }

    public static void RenderAll(TemplateNode[] nodes, StringBuilder output, TemplateScope scope)
    {
        foreach (var node in nodes)
        {
            node.Render(output, scope);
        }
    }
}
