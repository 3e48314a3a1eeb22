using System.Collections.Immutable;

using Caisson.Documents;
using Caisson.Errors;

namespace Caisson.Compose.Loading;

/// <summary>Reads files into one document in the long form: variables put in, files merged, <c>include</c> and <c>extends</c> resolved.</summary>
internal sealed class ModelLoader(ProjectOptions options, List<Problem> problems)
{
    private static readonly string[] Resources = ["services", "networks", "volumes", "secrets", "configs"];

    private readonly SortedSet<string> _missing = new(StringComparer.Ordinal);
    private string? _input;

    private List<Problem> Problems => problems;

    private ProjectOptions Options => options;

    /// <summary>Variables that were not set and had no default.</summary>
    public IReadOnlyCollection<string> MissingVariables => _missing;

    /// <summary>The document that <paramref name="files"/> make together.</summary>
    /// <param name="files">Absolute paths, or <c>-</c>; later ones over earlier ones.</param>
    /// <param name="directory">Absolute; where relative paths start.</param>
    /// <param name="variable">The value of a variable.</param>
    public MappingNode Load(IReadOnlyList<string> files, string directory, Func<string, string?> variable) => Load(files, directory, variable, []);

    /// <summary>The last <c>name</c> that the files give, variables put in; empty without one.</summary>
    public string FindName(IReadOnlyList<string> files, Func<string, string?> variable)
    {
        string name = "";
        List<Problem> ignored = [];
        foreach (var document in files.SelectMany(file => Documents(file, ignored)))
        {
            if (document.Field("name") is ScalarNode { Is: not ScalarKind.Null } scalar)
            {
                name = new Interpolation(variable).Apply(scalar, ignored).AsText();
            }
        }
        return name;
    }

    private MappingNode Load(IReadOnlyList<string> files, string directory, Func<string, string?> variable, ImmutableArray<string> above)
    {
        MappingNode? merged = null;
        foreach (string file in files)
        {
            foreach (var document in Read(file, directory, variable))
            {
                merged = merged is null ? document : NodeMerge.Merge(merged, document);
            }
        }
        merged ??= MappingNode.Empty;
        var services = new Services(this, directory, variable);
        merged = services.Extend(merged);
        return Include(merged, directory, variable, above.AddRange(files));
    }

    /// <summary>The documents of a file, each in the long form.</summary>
    private List<MappingNode> Read(string file, string directory, Func<string, string?> variable)
    {
        var reading = new Reading(directory, options.Variable("HOME") ?? "/", problems);
        var interpolation = new Interpolation(variable);
        var read = new List<MappingNode>();
        foreach (var document in Documents(file, problems))
        {
            if (document is ScalarNode { Is: ScalarKind.Null })
            {
                continue;
            }
            var filled = interpolation.Apply(document, problems);
            if (ComposeSchema.File.Read(filled, "", reading) is MappingNode mapping)
            {
                read.Add(mapping);
            }
        }
        _missing.UnionWith(interpolation.Missing);
        if (read.Count == 0 && problems.Count == 0)
        {
            problems.Add(new(Shown(file), "empty compose file"));
        }
        return read;
    }

    private ImmutableArray<DocumentNode> Documents(string file, List<Problem> found)
    {
        string? text = file == "-" ? (_input ??= options.Input()) : options.Read(file);
        if (text is null)
        {
            found.Add(new(Shown(file), "no such file"));
            return [];
        }
        return YamlReader.Read(Shown(file), text, found);
    }

    /// <summary>A file as messages name it: short where it is near.</summary>
    private string Shown(string file)
    {
        if (file == "-")
        {
            return "(stdin)";
        }
        string relative = Path.GetRelativePath(options.CurrentDirectory, file);
        return relative.StartsWith("../..", StringComparison.Ordinal) || relative.Length > file.Length ? file : relative;
    }

    private MappingNode Include(MappingNode document, string directory, Func<string, string?> variable, ImmutableArray<string> above)
    {
        var whole = document.Without("include");
        foreach (var include in document["include"].Items())
        {
            var files = include.Texts("path");
            if (files.FirstOrDefault(above.Contains) is { } again)
            {
                problems.Add(include.Problem($"include: {Shown(again)} includes itself"));
                continue;
            }
            string place = include.Text("project_directory") is { Length: > 0 } named ? named : files.Count > 0 ? Path.GetDirectoryName(files[0])! : directory;
            var values = new Dictionary<string, string?>(StringComparer.Ordinal);
            var envFiles = include.Texts("env_file");
            foreach (string file in envFiles.Count > 0 ? envFiles : [Path.Combine(place, ".env")])
            {
                if (options.Read(file) is { } text)
                {
                    DotEnv.Read(Shown(file), text, values, variable, raw: false, problems);
                }
                else if (envFiles.Count > 0)
                {
                    problems.Add(include.Problem($"include: env file {Shown(file)} does not exist"));
                }
            }
            var part = Load(files, place, name => variable(name) ?? values.GetValueOrDefault(name), above);
            whole = AddPart(whole, part);
        }
        return whole;
    }

    /// <summary>Takes the resources of an included file over; the same name may stand for the same thing only.</summary>
    private MappingNode AddPart(MappingNode whole, MappingNode part)
    {
        foreach (string kind in Resources)
        {
            foreach (var entry in part[kind].Entries())
            {
                var there = whole[kind] as MappingNode ?? new MappingNode([], entry.Position);
                if (there[entry.Key] is not { } other)
                {
                    whole = whole.With(kind, there.With(entry.Key, entry.Value));
                }
                else if (YamlWriter.Write(other) != YamlWriter.Write(entry.Value))
                {
                    problems.Add(entry.Problem($"{kind}.{entry.Key}: conflicts with the one at {other.Position}; an included file cannot change it"));
                }
            }
        }
        return whole;
    }

    /// <summary>The services of one document, or of a file that another extends.</summary>
    private sealed class Services(ModelLoader loader, string directory, Func<string, string?> variable)
    {
        private readonly Dictionary<string, MappingNode?> _files = new(StringComparer.Ordinal);

        public MappingNode Extend(MappingNode document)
        {
            if (document["services"] is not MappingNode services)
            {
                return document;
            }
            var extended = services;
            foreach (var entry in services.Entries)
            {
                if (entry.Value is MappingNode service && service["extends"] is not null)
                {
                    extended = extended.With(entry.Key, Resolve(services, "", entry.Key, service, []));
                }
            }
            return document.With("services", extended);
        }

        private MappingNode Resolve(MappingNode services, string file, string name, MappingNode service, ImmutableArray<string> chain)
        {
            if (service["extends"] is not MappingNode extends)
            {
                return service;
            }
            var own = service.Without("extends");
            string link = $"{file}#{name}";
            if (chain.Contains(link))
            {
                loader.Problems.Add(extends.Problem($"services.{name}.extends: a service that extends itself: {string.Join(" -> ", chain.Append(link).Select(part => part.TrimStart('#')))}"));
                return own;
            }
            string otherFile = extends.Text("file") is { Length: > 0 } given ? given : file;
            var others = otherFile == file ? services : ServicesOf(otherFile, extends);
            string otherName = extends.Text("service");
            if (others is null)
            {
                return own;
            }
            if (others[otherName] is not MappingNode other)
            {
                loader.Problems.Add((extends["service"] ?? extends).Problem(
                    $"services.{name}.extends: service '{otherName}' is not in {(otherFile.Length == 0 ? "this file" : loader.Shown(otherFile))}"
                    + Spelling.Hint(otherName, others.Entries.Select(entry => entry.Key))));
                return own;
            }
            var below = Resolve(others, otherFile, otherName, other, chain.Add(link));
            return NodeMerge.MergeService((MappingNode)NodeMerge.Settle(below)!, own);
        }

        private MappingNode? ServicesOf(string file, MappingNode extends)
        {
            if (_files.TryGetValue(file, out var known))
            {
                return known;
            }
            if (loader.Options.Read(file) is null)
            {
                loader.Problems.Add((extends["file"] ?? extends).Problem($"extends: file {loader.Shown(file)} does not exist"));
                return _files[file] = null;
            }
            MappingNode? merged = null;
            foreach (var document in loader.Read(file, Path.GetDirectoryName(file) ?? directory, variable))
            {
                merged = merged is null ? document : NodeMerge.Merge(merged, document);
            }
            return _files[file] = merged?["services"] as MappingNode;
        }
    }
}
