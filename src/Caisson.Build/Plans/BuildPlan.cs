using System.Collections.Immutable;
using System.Globalization;

using Caisson.Build.Dockerfiles;
using Caisson.Build.Expansion;
using Caisson.Build.Instructions;
using Caisson.Errors;

namespace Caisson.Build.Plans;

/// <summary>The stages of a Dockerfile and how they depend on each other. Touches nothing.</summary>
public sealed class BuildPlan
{
    private BuildPlan(
        Dockerfile file, BuildOptions options, ImmutableArray<StagePlan> stages, int target, IReadOnlyDictionary<string, string?> globals)
    {
        File = file;
        Options = options;
        Stages = stages;
        Target = target;
        Globals = globals;
        Needed = Reach(stages, target);
    }

    /// <summary>The file.</summary>
    public Dockerfile File { get; }

    /// <summary>What was asked for.</summary>
    public BuildOptions Options { get; }

    /// <summary>All stages in the order of the file.</summary>
    public ImmutableArray<StagePlan> Stages { get; }

    /// <summary>The stage that becomes the image.</summary>
    public int Target { get; }

    /// <summary>The stages that the target needs, itself included, in ascending order; the others are not built.</summary>
    public ImmutableArray<int> Needed { get; }

    /// <summary>Arguments declared in front of the first stage, and those that every build has; a value of null is unset.</summary>
    public IReadOnlyDictionary<string, string?> Globals { get; }

    /// <summary>Finds out which stage needs which, and which are needed at all.</summary>
    /// <param name="file">The file.</param>
    /// <param name="options">What was asked for.</param>
    /// <param name="problems">Receives everything that is wrong, by <c>NAME:LINE</c>.</param>
    /// <returns>Null when there are problems.</returns>
    public static BuildPlan? Compile(Dockerfile file, BuildOptions options, List<Problem> problems)
    {
        ImmutableArray<Instruction> instructions = InstructionReader.Read(file, problems);
        Dictionary<string, string?> globals = PlatformArguments.For(options);
        var stages = ImmutableArray.CreateBuilder<StagePlan>();
        int at = 0;
        for (; at < instructions.Length && instructions[at] is not Instruction.From; at++)
        {
            if (instructions[at] is Instruction.Arg arg)
            {
                Declare(arg, file, options, globals, problems);
            }
            else
            {
                problems.Add(new(file.At(instructions[at].Line.FirstLine), $"{instructions[at].Line.Keyword.ToUpperInvariant()} stands in front of the first FROM; only ARG may"));
            }
        }
        while (at < instructions.Length)
        {
            var from = (Instruction.From)instructions[at++];
            int first = at;
            while (at < instructions.Length && instructions[at] is not Instruction.From)
            {
                at++;
            }
            stages.Add(Stage(file, from, [.. instructions[first..at]], stages, options, globals, problems));
        }
        if (stages.Count == 0 && problems.Count == 0)
        {
            problems.Add(new(file.Name, "the file has no FROM: an image is built on another, or on scratch"));
        }
        ImmutableArray<StagePlan> all = stages.ToImmutable();
        int target = FindTarget(file, options.Target, all, problems);
        return problems.Count == 0 ? new BuildPlan(file, options, all, target, globals) : null;
    }

    /// <summary>What a name after <c>--from=</c> means in a stage: a stage before it, by name or number, or an image.</summary>
    public static FileOrigin Resolve(string name, IReadOnlyList<StagePlan> stages, int before)
    {
        for (int i = before - 1; i >= 0; i--)
        {
            if (string.Equals(stages[i].Name, name, StringComparison.OrdinalIgnoreCase))
            {
                return new FileOrigin.Stage(i);
            }
        }
        return int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int index) && index < before
            ? new FileOrigin.Stage(index)
            : name.Equals("scratch", StringComparison.OrdinalIgnoreCase) ? new FileOrigin.Scratch() : new FileOrigin.Image(name);
    }

    private static StagePlan Stage(
        Dockerfile file, Instruction.From from, ImmutableArray<Instruction> instructions, ImmutableArray<StagePlan>.Builder before, BuildOptions options,
        Dictionary<string, string?> globals, List<Problem> problems)
    {
        string at = file.At(from.Line.FirstLine);
        var words = new ShellWords { Escape = file.Escape };
        string name = Expand(from.Base);
        string platform = from.Platform is null ? options.TargetPlatform ?? options.BuildPlatform : Expand(from.Platform);
        if (name.Length == 0)
        {
            problems.Add(new(at, $"'{from.Base}' is empty once its variables are replaced; an ARG in front of the first FROM can give them a default"));
        }
        if (from.Name is not null && before.Any(stage => stage.Name == from.Name))
        {
            problems.Add(new(at, $"a stage before this one is called '{from.Name}', too"));
        }
        FileOrigin origin = int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out _) ? new FileOrigin.Image(name) : Resolve(name, before, before.Count);
        SortedSet<int> needs = [];
        Add(origin);
        foreach (Instruction instruction in instructions)
        {
            foreach (string other in Sources(instruction))
            {
                if (other.Equals(from.Name, StringComparison.OrdinalIgnoreCase) || other == before.Count.ToString(CultureInfo.InvariantCulture))
                {
                    problems.Add(new(file.At(instruction.Line.FirstLine), $"the stage '{other}' cannot copy from itself"));
                }
                Add(Resolve(other, before, before.Count));
            }
        }
        return new StagePlan(before.Count, from, from.Name, origin, platform, instructions, [.. needs]);

        void Add(FileOrigin one)
        {
            if (one is FileOrigin.Stage stage)
            {
                needs.Add(stage.Index);
            }
        }

        string Expand(string text)
        {
            string expanded = words.Expand(text, variable => globals.GetValueOrDefault(variable), out string? fault);
            if (fault is not null)
            {
                problems.Add(new(at, fault));
            }
            return expanded;
        }
    }

    /// <summary>What an instruction copies from or mounts.</summary>
    private static IEnumerable<string> Sources(Instruction instruction) => instruction switch
    {
        Instruction.Copy { Options.From: { } from } => [from],
        Instruction.Run run => run.Options.Mounts.Select(mount => RunMount.TryParse(mount, out _)?.From).OfType<string>(),
        _ => [],
    };

    private static void Declare(Instruction.Arg arg, Dockerfile file, BuildOptions options, Dictionary<string, string?> globals, List<Problem> problems)
    {
        var words = new ShellWords { Escape = file.Escape };
        foreach ((string name, string? text) in arg.Variables)
        {
            if (options.Arguments.TryGetValue(name, out string? given))
            {
                globals[name] = given;
            }
            else if (text is not null)
            {
                globals[name] = words.Expand(text, variable => globals.GetValueOrDefault(variable), out string? fault);
                if (fault is not null)
                {
                    problems.Add(new(file.At(arg.Line.FirstLine), fault));
                }
            }
            else
            {
                globals.TryAdd(name, null);
            }
        }
    }

    private static int FindTarget(Dockerfile file, string? target, ImmutableArray<StagePlan> stages, List<Problem> problems)
    {
        if (string.IsNullOrEmpty(target) || stages.Length == 0)
        {
            return stages.Length - 1;
        }
        if (Resolve(target, stages, stages.Length) is FileOrigin.Stage stage)
        {
            return stage.Index;
        }
        string[] names = [.. stages.Select(known => known.Name).OfType<string>()];
        problems.Add(new(file.Name, $"there is no stage '{target}' to build{Spelling.Hint(target, names)}"));
        return stages.Length - 1;
    }

    private static ImmutableArray<int> Reach(ImmutableArray<StagePlan> stages, int target)
    {
        SortedSet<int> reached = [];
        Stack<int> open = new([target]);
        while (open.TryPop(out int stage))
        {
            if (reached.Add(stage))
            {
                foreach (int need in stages[stage].Needs)
                {
                    open.Push(need);
                }
            }
        }
        return [.. reached];
    }
}
