using System.Collections.Immutable;
using System.Text;
using System.Text.RegularExpressions;

using Caisson.Errors;

namespace Caisson.Build.Dockerfiles;

/// <summary>Reads lines, joins what is continued, leaves comments out, and collects here-documents.</summary>
/// <remarks>Source: Dockerfile reference, "Format", "Parser directives", "Here-Documents".</remarks>
internal sealed partial class DockerfileParser
{
    private const int LineLengthMax = 1 << 20;

    private readonly string _name;
    private readonly string[] _lines;
    private readonly ICollection<Problem> _problems;
    private readonly ImmutableArray<DockerfileLine>.Builder _instructions = ImmutableArray.CreateBuilder<DockerfileLine>();
    private readonly HashSet<string> _directives = [];
    private char _escape = '\\';
    private string? _syntax;
    private bool _directivesEnded;

    public DockerfileParser(string name, string text, ICollection<Problem> problems)
    {
        _name = name;
        _problems = problems;
        text = text.StartsWith('\uFEFF') ? text[1..] : text;
        _lines = text.Split('\n');
    }

    public Dockerfile Parse()
    {
        // The last piece is what follows the last end of line: nothing, as a rule.
        int count = _lines.Length > 0 && _lines[^1].Length == 0 ? _lines.Length - 1 : _lines.Length;
        for (int i = 0; i < count; i++)
        {
            string line = _lines[i].TrimEnd('\r').TrimStart();
            if (ReadDirective(line, i + 1) || line.StartsWith('#'))
            {
                continue;
            }
            _directivesEnded = true;
            i = ReadInstruction(line, i, count);
        }
        if (_instructions.Count == 0 && _problems.Count == 0)
        {
            _problems.Add(new(_name, "the file has no instructions; the first one is FROM"));
        }
        return new Dockerfile(_name, [.. _lines.Take(count).Select(line => line.TrimEnd('\r'))], _escape, _syntax, _instructions.ToImmutable());
    }

    /// <summary>Directives are comments of the form <c># name=value</c> before anything else.</summary>
    private bool ReadDirective(string line, int number)
    {
        if (_directivesEnded || Directive().Match(line) is not { Success: true } match)
        {
            _directivesEnded |= true;
            return false;
        }
        string key = match.Groups["key"].Value.ToLowerInvariant();
        string value = match.Groups["value"].Value;
        if (key is not ("syntax" or "escape" or "check"))
        {
            _directivesEnded = true;
            return true; // a comment
        }
        if (!_directives.Add(key))
        {
            Problem(number, $"the directive '{key}' is given twice");
            return true;
        }
        if (key == "escape")
        {
            if (value is not ("\\" or "`"))
            {
                Problem(number, $"the escape character can be \\ or `, and is '{value}'");
                return true;
            }
            _escape = value[0];
        }
        else if (key == "syntax")
        {
            _syntax = value;
        }
        return true;
    }

    /// <summary>Reads one instruction; returns the index of its last line.</summary>
    private int ReadInstruction(string line, int index, int count)
    {
        int first = index;
        bool continues = TryTakeContinuation(ref line);
        if (!continues && line.Length == 0)
        {
            return index;
        }
        var whole = new StringBuilder(line);
        while (continues && index + 1 < count)
        {
            string next = _lines[++index].TrimEnd('\r');
            string bare = next.TrimStart();
            if (bare.Length == 0 || bare[0] == '#')
            {
                continue; // blank lines and comments between continued lines are left out
            }
            continues = TryTakeContinuation(ref next);
            whole.Append(next);
            if (whole.Length > LineLengthMax)
            {
                Problem(first + 1, $"the instruction is longer than {LineLengthMax} characters");
                return index;
            }
        }
        string text = whole.ToString().Trim();
        if (text.Length == 0)
        {
            return index;
        }
        if (text.Contains('\0'))
        {
            Problem(first + 1, "the instruction holds a zero byte");
            return index;
        }
        DockerfileLine instruction = Split(text, first + 1, index + 1);
        if (text.Contains("<<", StringComparison.Ordinal) && CanHaveHeredocs(instruction))
        {
            index = ReadHeredocs(ref instruction, index, count);
        }
        _instructions.Add(instruction);
        return index;
    }

    private int ReadHeredocs(ref DockerfileLine instruction, int index, int count)
    {
        var heredocs = ImmutableArray.CreateBuilder<Heredoc>();
        foreach (Heredoc announced in HeredocWords.Find(instruction.Text))
        {
            var content = new StringBuilder();
            bool ended = false;
            while (!ended && ++index < count)
            {
                string line = _lines[index];
                string bare = line.TrimEnd('\r');
                ended = (announced.StripsTabs ? bare.TrimStart('\t') : bare) == announced.Name;
                if (!ended)
                {
                    content.Append(line).Append('\n');
                }
            }
            if (!ended)
            {
                Problem(instruction.FirstLine, $"the here-document has no end: no line is '{announced.Name}'");
            }
            heredocs.Add(announced with { Content = content.ToString() });
        }
        instruction = instruction with { Heredocs = heredocs.ToImmutable(), LastLine = Math.Min(index + 1, count) };
        return index;
    }

    private DockerfileLine Split(string text, int first, int last)
    {
        (string keyword, ImmutableArray<string> flags, string arguments) = InstructionText.Split(text, _escape);
        return new DockerfileLine { Keyword = keyword, Flags = flags, Arguments = arguments, Text = text, FirstLine = first, LastLine = last };
    }

    private bool CanHaveHeredocs(DockerfileLine line)
    {
        string keyword = line.Keyword.ToUpperInvariant();
        string arguments = line.Arguments;
        if (keyword == "ONBUILD")
        {
            (string inner, _, arguments) = InstructionText.Split(arguments, _escape);
            keyword = inner.ToUpperInvariant();
        }
        return keyword is "RUN" or "COPY" or "ADD" && InstructionText.JsonList(arguments, out _) is null;
    }

    /// <summary>An escape character at the end continues the line, unless another stands before it.</summary>
    private bool TryTakeContinuation(ref string line)
    {
        string bare = line.TrimEnd(' ', '\t');
        if (bare.Length == 0 || bare[^1] != _escape || (bare.Length > 1 && bare[^2] == _escape))
        {
            return false;
        }
        line = bare[..^1];
        return true;
    }

    private void Problem(int line, string message) => _problems.Add(new(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{_name}:{line}"), message));

    [GeneratedRegex(@"^#\s*(?<key>[a-zA-Z][a-zA-Z0-9]*)\s*=\s*(?<value>.+?)\s*$")]
    private static partial Regex Directive();
}
