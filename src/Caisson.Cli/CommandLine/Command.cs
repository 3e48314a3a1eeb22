namespace Caisson.Cli.CommandLine;

/// <summary>One command: its options, its arguments, and what it does. Made only when it is invoked or explained.</summary>
internal abstract class Command
{
    private readonly List<Option> _options = [];
    private string _group = "";

    /// <summary>What follows the command's name in its usage line.</summary>
    public abstract string Usage { get; }

    /// <summary>Two or more command lines that teach it, without the leading <c>caisson</c>.</summary>
    public abstract IReadOnlyList<string> Examples { get; }

    /// <summary>Paragraphs of help between the summary and the options.</summary>
    public virtual string Details => "";

    /// <summary>Fewest and most arguments; -1 for no upper bound.</summary>
    public virtual (int Min, int Max) ArgumentCount => (0, 0);

    /// <summary>True when everything after the first argument belongs to the container.</summary>
    public virtual bool StopsAtFirstArgument => false;

    /// <summary>Exit code when the engine refuses.</summary>
    public virtual int FailureExitCode => 1;

    /// <summary>What may be completed as an argument.</summary>
    public virtual CompletionKind Completes => CompletionKind.None;

    public IReadOnlyList<Option> Options => _options;

    /// <summary>What was given besides options.</summary>
    public List<string> Arguments { get; } = [];

    /// <summary>Does it and returns the exit code.</summary>
    public abstract int Run(Session session);

    /// <summary>Puts the options made from here on under a heading.</summary>
    protected void Heading(string group) => _group = group;

    protected SwitchOption Switch(string name, string help, char letter = '\0', bool value = false) =>
        Add(new SwitchOption(name, letter, help) { Group = _group, Value = value });

    protected ValueOption<string> Text(string name, string help, char letter = '\0', string kind = "string", string absent = "") =>
        Value(name, kind, help, text => text, absent, letter);

    protected ValueOption<long> Number(string name, string help, char letter = '\0', long absent = 0) =>
        Value(name, "int", help, OptionNumbers.Integer, absent, letter);

    protected ValueOption<int?> Seconds(string name, string help, char letter = '\0') =>
        Value(name, "int", help, text => (int?)OptionNumbers.SmallInteger(text), null, letter);

    protected ValueOption<T> Value<T>(
        string name, string kind, string help, Func<string, T> parse, T absent, char letter = '\0') =>
        Add(new ValueOption<T>(name, letter, kind, help, absent, parse) { Group = _group });

    protected ListOption<string> List(string name, string help, char letter = '\0', string kind = "list") =>
        Add(new ListOption<string>(name, letter, kind, help, text => text) { Group = _group });

    protected ListOption<T> Values<T>(string name, string kind, string help, Func<string, T> parse, char letter = '\0') =>
        Add(new ListOption<T>(name, letter, kind, help, parse) { Group = _group });

    protected ValueOption<string> Format(char letter = '\0') =>
        Text("format", "Print with a Go template, as 'json', or as 'table TEMPLATE'", letter);

    private T Add<T>(T option) where T : Option
    {
        _options.Add(option);
        return option;
    }
}

/// <summary>What a shell may offer as an argument.</summary>
internal enum CompletionKind
{
    None,
    Containers,
    RunningContainers,
    Images,
    Machines,
    Networks,
    Services,
    Volumes,
}
