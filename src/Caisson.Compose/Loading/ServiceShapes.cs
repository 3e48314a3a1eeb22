using System.Collections.Immutable;

using Caisson.Documents;

namespace Caisson.Compose.Loading;

/// <summary>Attributes of services that have a short form of their own.</summary>
internal static class ServiceShapes
{
    private static readonly Shape Text = ScalarShape.Text;
    private static readonly Shape Flag = ScalarShape.Flag;

    /// <summary><c>SERVICE</c>, or a service of another file.</summary>
    public static readonly Shape Extends = new ObjectShape(ObjectShape.Fields(("service", Text), ("file", ScalarShape.Path)))
    {
        Required = ["service"],
        Short = (scalar, _, _) => new MappingNode([new("service", scalar.Position, scalar with { Is = ScalarKind.Text })], scalar.Position),
    };

    /// <summary>Names, or names with conditions.</summary>
    public static readonly Shape DependsOn = new NamedShape(new ObjectShape(ObjectShape.Fields(
        ("condition", ScalarShape.Choice("service_started", "service_healthy", "service_completed_successfully")), ("restart", Flag), ("required", Flag)))
    {
        Complete = (mapping, _, _) => WithDefault(WithDefault(mapping, "condition", ScalarNode.Of("service_started", mapping.Position)), "required", ScalarNode.Of(true, mapping.Position)),
    }, name => new(
        [
            new("condition", name.Position, ScalarNode.Of("service_started", name.Position)),
            new("required", name.Position, ScalarNode.Of(true, name.Position)),
        ],
        name.Position));

    /// <summary>Names, or names with what is asked for there.</summary>
    public static readonly Shape Networks = new NamedShape(new ObjectShape(ObjectShape.Fields(
        ("aliases", ListShape.Texts), ("ipv4_address", Text), ("ipv6_address", Text), ("link_local_ips", ListShape.Texts), ("mac_address", Text), ("interface_name", Text),
        ("driver_opts", new MapShape(Text)), ("priority", ScalarShape.Number), ("gw_priority", ScalarShape.Number))), name => new([], name.Position));

    /// <summary>Limits by name: one number, or a soft and a hard one.</summary>
    public static readonly Shape Ulimits = new MapShape(new ObjectShape(ObjectShape.Fields(("soft", ScalarShape.Whole), ("hard", ScalarShape.Whole)))
    {
        Required = ["soft", "hard"],
        Short = (scalar, path, reading) => ScalarShape.Whole.Read(scalar, path, reading),
    });

    /// <summary>Files of variables.</summary>
    public static readonly Shape EnvFile = new ListShape(new ObjectShape(ObjectShape.Fields(("path", ScalarShape.Path), ("required", Flag), ("format", Text)))
    {
        Required = ["path"],
        Short = (scalar, _, reading) => new MappingNode(
            [
                new("path", scalar.Position, ScalarNode.Of(reading.Resolve(scalar.Text), scalar.Position)),
                new("required", scalar.Position, ScalarNode.Of(true, scalar.Position)),
            ],
            scalar.Position),
    }, orOne: true);

    /// <summary><c>/dev/x[:/dev/y][:rwm]</c>.</summary>
    public static readonly Shape Devices = new ListShape(new ObjectShape(ObjectShape.Fields(("source", Text), ("target", Text), ("permissions", Text)))
    {
        Required = ["source"],
        Short = ReadDevice,
        Complete = (mapping, _, _) => WithDefault(
            WithDefault(mapping, "target", mapping["source"] ?? mapping), "permissions", ScalarNode.Of("rwm", mapping.Position)),
    });

    /// <summary><c>true</c>, or a mapping with the name, as files of version 2 had it.</summary>
    public static readonly Shape External = new ObjectShape(ObjectShape.Fields(("name", Text)))
    {
        Short = (scalar, path, reading) => ScalarShape.Flag.Read(scalar, path, reading),
    };

    /// <summary>Secrets or configs of a service, by name or with a place below <paramref name="directory"/>.</summary>
    public static Shape FileReferences(string directory) => new ListShape(new ObjectShape(ObjectShape.Fields(
        ("source", Text), ("target", Text), ("uid", Text), ("gid", Text), ("mode", ScalarShape.Mode)))
    {
        Required = ["source"],
        Short = (scalar, _, _) => new MappingNode(
            [new("source", scalar.Position, scalar with { Is = ScalarKind.Text }), new("target", scalar.Position, ScalarNode.Of(directory + scalar.Text, scalar.Position))], scalar.Position),
        Complete = (mapping, _, _) => mapping["target"] is ScalarNode target
            ? mapping.With("target", target.Text.StartsWith('/') ? target : target with { Text = directory + target.Text })
            : mapping["source"] is ScalarNode source ? mapping.With("target", ScalarNode.Of(directory + source.Text, source.Position)) : mapping,
    });

    /// <summary>Moves the name of the old form of <c>external</c> to where it is now.</summary>
    public static DocumentNode NameOfExternal(MappingNode mapping, string path, Reading reading) => mapping["external"] is MappingNode old
        ? (old["name"] is { } name ? mapping.With("name", name) : mapping).With("external", ScalarNode.Of(true, old.Position))
        : mapping;

    private static MappingNode WithDefault(MappingNode mapping, string name, DocumentNode value) => mapping[name] is null ? mapping.With(name, value) : mapping;

    private static MappingNode? ReadDevice(ScalarNode scalar, string path, Reading reading)
    {
        string[] parts = scalar.Text.Split(':');
        bool permissionsSecond = parts.Length == 2 && parts[1].All(c => c is 'r' or 'w' or 'm');
        if (parts.Length > 3 || parts.Any(part => part.Length == 0))
        {
            reading.Problems.Add(scalar.Problem($"{path}: '{scalar.Text}' is no device; write source[:target][:permissions]"));
            return null;
        }
        string target = parts.Length == 1 || permissionsSecond ? parts[0] : parts[1];
        string permissions = permissionsSecond ? parts[1] : parts.Length == 3 ? parts[2] : "rwm";
        return MappingNode.Of([new("source", parts[0]), new("target", target), new("permissions", permissions)], scalar.Position);
    }
}

/// <summary>A mapping by name, or a list of names that stand for values without anything said.</summary>
internal sealed class NamedShape(Shape value, Func<ScalarNode, MappingNode> named) : Shape
{
    protected override DocumentNode? ReadValue(DocumentNode node, string path, Reading reading)
    {
        var entries = ImmutableArray.CreateBuilder<MappingEntry>();
        foreach (var item in node.Items())
        {
            if (item is ScalarNode { Text.Length: > 0 } scalar)
            {
                if (!entries.Any(entry => entry.Key == scalar.Text))
                {
                    entries.Add(new(scalar.Text, scalar.Position, named(scalar)));
                }
            }
            else
            {
                Wrong(item, path, "a name", reading);
            }
        }
        foreach (var entry in node.Entries())
        {
            var read = entry.Value is ScalarNode { Is: ScalarKind.Null, Tag: NodeTag.Merge }
                ? named(ScalarNode.Of(entry.Key, entry.Position))
                : value.Read(entry.Value, $"{path}.{entry.Key}", reading);
            if (read is not null)
            {
                entries.Add(entry with { Value = read });
            }
        }
        return node is ScalarNode ? Wrong(node, path, "a list of names or a mapping", reading) : new MappingNode(entries.ToImmutable(), node.Position);
    }
}

/// <summary><c>host=address</c> or <c>host:address</c>, or addresses by host; becomes <c>host=address</c>.</summary>
internal sealed class HostsShape : Shape
{
    protected override DocumentNode? ReadValue(DocumentNode node, string path, Reading reading)
    {
        if (node is ScalarNode)
        {
            return Wrong(node, path, "a list of host=address or a mapping", reading);
        }
        var hosts = ImmutableArray.CreateBuilder<DocumentNode>();
        foreach (var item in node.Items())
        {
            string text = item.AsText();
            int separator = text.IndexOfAny(['=', ':']);
            if (separator <= 0 || separator + 1 == text.Length)
            {
                Wrong(item, path, "host=address", reading);
                continue;
            }
            hosts.Add(ScalarNode.Of($"{text[..separator]}={text[(separator + 1)..].Trim('[', ']')}", item.Position));
        }
        foreach (var entry in node.Entries())
        {
            foreach (var address in entry.Value is SequenceNode list ? list.Items : [entry.Value])
            {
                hosts.Add(ScalarNode.Of($"{entry.Key}={address.AsText().Trim('[', ']')}", entry.Position));
            }
        }
        return new SequenceNode(hosts.ToImmutable(), node.Position);
    }
}

/// <summary>A program and its arguments: a list, or one text that is split as a shell splits it.</summary>
internal sealed class CommandShape : Shape
{
    public static readonly CommandShape Command = new(isTest: false);

    /// <summary>Of a health check: one text is for the shell, and a list begins with how it is run.</summary>
    public static readonly CommandShape Test = new(isTest: true);

    private readonly bool _isTest;

    private CommandShape(bool isTest) => _isTest = isTest;

    protected override DocumentNode? ReadValue(DocumentNode node, string path, Reading reading)
    {
        if (node is ScalarNode scalar)
        {
            if (_isTest)
            {
                return SequenceNode.Of(["CMD-SHELL", scalar.Text], scalar.Position);
            }
            try
            {
                return SequenceNode.Of(ShellWords.Split(scalar.Text), scalar.Position);
            }
            catch (FormatException e)
            {
                reading.Problems.Add(scalar.Problem($"{path}: {e.Message}"));
                return null;
            }
        }
        var list = ListShape.Texts.Read(node, path, reading);
        if (_isTest && list is SequenceNode { Items: var items } && (items.Length == 0 || items[0].AsText() is not ("NONE" or "CMD" or "CMD-SHELL")))
        {
            reading.Problems.Add(node.Problem($"{path}: a list must begin with NONE, CMD or CMD-SHELL"));
            return null;
        }
        return list;
    }
}

/// <summary>Splits text into words as a POSIX shell does, without expanding anything.</summary>
internal static class ShellWords
{
    /// <exception cref="FormatException">A quote is not closed.</exception>
    public static IReadOnlyList<string> Split(string text)
    {
        var words = new List<string>();
        var word = new System.Text.StringBuilder();
        bool any = false;
        char quote = '\0';
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c == '\\' && quote != '\'' && i + 1 < text.Length && (quote == '\0' || text[i + 1] is '"' or '\\' or '$' or '`' or '\n'))
            {
                any = true;
                if (text[++i] != '\n')
                {
                    word.Append(text[i]);
                }
            }
            else if (quote != '\0')
            {
                if (c == quote)
                {
                    quote = '\0';
                }
                else
                {
                    word.Append(c);
                }
            }
            else if (c is '"' or '\'')
            {
                quote = c;
                any = true;
            }
            else if (char.IsWhiteSpace(c))
            {
                if (any)
                {
                    words.Add(word.ToString());
                    word.Clear();
                    any = false;
                }
            }
            else
            {
                word.Append(c);
                any = true;
            }
        }
        if (quote != '\0')
        {
            throw new FormatException($"the command has a {quote} that is not closed");
        }
        if (any)
        {
            words.Add(word.ToString());
        }
        return words;
    }
}

/// <summary>A directory to build in: a path, made absolute, or an address.</summary>
internal sealed class BuildContextShape : Shape
{
    public static ScalarNode Resolve(ScalarNode scalar, Reading reading) =>
        scalar.Text.Contains("://", StringComparison.Ordinal) || scalar.Text.StartsWith("git@", StringComparison.Ordinal)
            ? scalar
            : ScalarNode.Of(reading.Resolve(scalar.Text), scalar.Position);

    protected override DocumentNode? ReadValue(DocumentNode node, string path, Reading reading) =>
        node is ScalarNode scalar ? Resolve(scalar, reading) : Wrong(node, path, "a path", reading);
}

/// <summary>A time of the processor's scheduler: microseconds, or a duration.</summary>
internal sealed class MicrosecondsShape : Shape
{
    protected override DocumentNode? ReadValue(DocumentNode node, string path, Reading reading)
    {
        string text = node.AsText();
        return node is ScalarNode && long.TryParse(text, System.Globalization.NumberStyles.AllowLeadingSign, System.Globalization.CultureInfo.InvariantCulture, out long whole) ? ScalarNode.Of(whole, node.Position)
            : node is ScalarNode && Quantities.Nanoseconds(text) is { } nanoseconds ? ScalarNode.Of(nanoseconds / 1000, node.Position)
            : Wrong(node, path, "microseconds or a duration such as 50ms", reading);
    }
}
