using System.Globalization;

namespace Caisson.Cli.CommandLine;

/// <summary>One option of a command: how it is written, what it says of itself, and what was given.</summary>
internal abstract class Option(string name, char letter, string kind, string help)
{
    /// <summary>Long name without dashes.</summary>
    public string Name { get; } = name;

    /// <summary>Short name; <c>'\0'</c> without one.</summary>
    public char Letter { get; } = letter;

    /// <summary>The word after the name in help; empty for a switch.</summary>
    public string Kind { get; } = kind;

    /// <summary>One sentence without stop.</summary>
    public string Help { get; } = help;

    /// <summary>Heading in help under which it stands; empty: the first.</summary>
    public string Group { get; init; } = "";

    /// <summary>True once the user gave it.</summary>
    public bool IsSet { get; private set; }

    /// <summary>True when it needs no value.</summary>
    public virtual bool IsSwitch => false;

    /// <summary>As errors name it.</summary>
    public string Display => Letter == '\0' ? $"--{Name}" : $"-{Letter}, --{Name}";

    public void Set(string text)
    {
        try
        {
            Accept(text);
            IsSet = true;
        }
        catch (FormatException e)
        {
            throw new UsageException($"invalid argument \"{text}\" for \"{Display}\" flag: {e.Message}");
        }
    }

    /// <exception cref="FormatException">The text is not such a value; the message says why.</exception>
    protected abstract void Accept(string text);
}

/// <summary>On or off.</summary>
internal sealed class SwitchOption(string name, char letter, string help) : Option(name, letter, "", help)
{
    public bool Value { get; set; }

    public override bool IsSwitch => true;

    protected override void Accept(string text) => Value = text switch
    {
        "1" or "t" or "T" or "true" or "TRUE" or "True" => true,
        "0" or "f" or "F" or "false" or "FALSE" or "False" => false,
        _ => throw new FormatException("write true or false"),
    };
}

/// <summary>One value; the last one given counts.</summary>
internal sealed class ValueOption<T>(string name, char letter, string kind, string help, T absent, Func<string, T> parse)
    : Option(name, letter, kind, help)
{
    public T Value { get; private set; } = absent;

    protected override void Accept(string text) => Value = parse(text);
}

/// <summary>Any number of values, in order.</summary>
internal sealed class ListOption<T>(string name, char letter, string kind, string help, Func<string, T> parse)
    : Option(name, letter, kind, help)
{
    public List<T> Values { get; } = [];

    protected override void Accept(string text) => Values.Add(parse(text));
}

/// <summary>Reading numbers as options give them.</summary>
internal static class OptionNumbers
{
    public static long Integer(string text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value)
            ? value
            : throw new FormatException("not a whole number");

    public static int SmallInteger(string text) => Integer(text) is >= int.MinValue and <= int.MaxValue and long value
        ? (int)value
        : throw new FormatException("too large a number");
}
