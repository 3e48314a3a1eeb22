namespace Caisson.Cli.Templates;

/// <summary>A value with named fields, as templates see it.</summary>
internal interface ITemplateObject
{
    /// <summary>Names of the fields without arguments, sorted: what <c>json</c> prints.</summary>
    IEnumerable<string> Names { get; }

    /// <summary>The field <paramref name="name"/>, or a method of that name with arguments; false when there is none.</summary>
    bool TryGet(string name, IReadOnlyList<object?> arguments, out object? value);
}
