using System.Text;

namespace Caisson.Build.Expansion;

/// <summary>Variables, quotes and escapes of words, as a Dockerfile understands them: a part of what a shell does.</summary>
/// <remarks>
/// <c>$name</c>, <c>${name}</c>, <c>:-</c> <c>-</c> <c>:+</c> <c>+</c> <c>:?</c> <c>?</c>, <c>#</c> <c>##</c> <c>%</c> <c>%%</c> (patterns with <c>*</c>
/// and <c>?</c>), <c>/</c> and <c>//</c>. Source: Dockerfile reference, "Environment replacement".
/// </remarks>
public sealed class ShellWords
{
    private const int DepthMax = 32;

    /// <summary>The character that takes the next one as it is.</summary>
    public char Escape { get; init; } = '\\';

    /// <summary>Quotes stay in the words.</summary>
    public bool KeepsQuotes { get; init; }

    /// <summary>Escape characters stay in the words.</summary>
    public bool KeepsEscapes { get; init; }

    /// <summary>Quotes are characters like others.</summary>
    public bool IgnoresQuotes { get; init; }

    /// <summary>A variable without a value stays as it is written.</summary>
    public bool KeepsUnset { get; init; }

    /// <summary>The text with variables replaced and quotes removed, as one word.</summary>
    /// <param name="text">As written.</param>
    /// <param name="lookup">The value of a name; null when it has none.</param>
    /// <param name="fault">What is wrong; null when nothing is, and the answer is then empty.</param>
    public string Expand(string text, Func<string, string?> lookup, out string? fault)
    {
        var reader = new Reader(this, text, lookup, 0);
        string result = reader.ReadAll();
        fault = reader.Fault;
        return fault is null ? result : "";
    }

    /// <summary>As <see cref="Expand"/>, and divided at blanks outside quotes, also at those that come out of variables.</summary>
    public IReadOnlyList<string> Split(string text, Func<string, string?> lookup, out string? fault)
    {
        var reader = new Reader(this, text, lookup, 0);
        reader.ReadAll();
        fault = reader.Fault;
        return reader.Words();
    }

    private sealed class Reader(ShellWords rules, string text, Func<string, string?> lookup, int depth)
    {
        private readonly List<string> _words = [];
        private readonly StringBuilder _word = new();
        private bool _inWord;
        private int _at;

        public string? Fault { get; private set; }

        public List<string> Words()
        {
            EndWord();
            return _words;
        }

        public string ReadAll()
        {
            string result = Read('\0');
            return result;
        }

        /// <summary>Reads to the end, or to <paramref name="stop"/> outside quotes, which is taken.</summary>
        private string Read(char stop)
        {
            var result = new StringBuilder();
            while (_at < text.Length && Fault is null)
            {
                char c = text[_at];
                if (stop != '\0' && c == stop)
                {
                    _at++;
                    return result.ToString();
                }
                switch (c)
                {
                    case '\'' when !rules.IgnoresQuotes:
                        string single = ReadSingle();
                        result.Append(single);
                        AddQuoted(single);
                        break;
                    case '"' when !rules.IgnoresQuotes:
                        string quoted = ReadDouble();
                        result.Append(quoted);
                        AddQuoted(quoted);
                        break;
                    case '$':
                        string value = ReadVariable();
                        result.Append(value);
                        foreach (char each in value)
                        {
                            Add(each);
                        }
                        break;
                    default:
                        _at++;
                        if (c == rules.Escape)
                        {
                            if (rules.KeepsEscapes)
                            {
                                result.Append(c);
                                AddQuoted(c.ToString());
                            }
                            if (_at == text.Length)
                            {
                                break;
                            }
                            c = text[_at++];
                            result.Append(c);
                            AddQuoted(c.ToString());
                        }
                        else
                        {
                            result.Append(c);
                            Add(c);
                        }
                        break;
                }
            }
            if (stop != '\0' && Fault is null)
            {
                Fault = $"'{text}' ends before the '{stop}' that is missing";
            }
            return result.ToString();
        }

        private string ReadSingle()
        {
            int end = text.IndexOf('\'', _at + 1);
            if (end < 0)
            {
                Fault = $"a single quote is not closed in '{text}'";
                return "";
            }
            string inner = text[(_at + 1)..end];
            _at = end + 1;
            return rules.KeepsQuotes ? $"'{inner}'" : inner;
        }

        private string ReadDouble()
        {
            var result = new StringBuilder();
            if (rules.KeepsQuotes)
            {
                result.Append('"');
            }
            for (_at++; Fault is null;)
            {
                if (_at >= text.Length)
                {
                    Fault = $"a double quote is not closed in '{text}'";
                    return "";
                }
                char c = text[_at];
                if (c == '"')
                {
                    _at++;
                    if (rules.KeepsQuotes)
                    {
                        result.Append('"');
                    }
                    break;
                }
                if (c == '$')
                {
                    result.Append(ReadVariable());
                    continue;
                }
                _at++;
                if (c == rules.Escape && _at < text.Length)
                {
                    char next = text[_at];
                    if (rules.KeepsEscapes || (next is not ('"' or '$') && next != rules.Escape))
                    {
                        result.Append(c);
                    }
                    result.Append(next);
                    _at++;
                    continue;
                }
                result.Append(c);
            }
            return result.ToString();
        }

        private string ReadVariable()
        {
            int start = _at++;
            if (_at < text.Length && text[_at] == '{')
            {
                _at++;
                return ReadBraced(start);
            }
            string name = ReadName();
            return name.Length == 0 ? "$" : lookup(name) ?? (rules.KeepsUnset ? "$" + name : "");
        }

        private string ReadBraced(int start)
        {
            string name = ReadName();
            if (name.Length == 0 || _at >= text.Length)
            {
                Fault = $"'{text[start..]}' is no substitution: a name and a closing brace are expected";
                return "";
            }
            string? value = lookup(name);
            char mark = text[_at++];
            switch (mark)
            {
                case '}':
                    return value ?? (rules.KeepsUnset ? $"${{{name}}}" : "");
                case ':' or '-' or '+' or '?':
                    bool emptyIsUnset = mark == ':';
                    if (emptyIsUnset)
                    {
                        mark = _at < text.Length ? text[_at++] : '\0';
                    }
                    string word = ReadWord();
                    return Choose(start, name, value, mark, emptyIsUnset && value?.Length == 0, word);
                case '#' or '%':
                    bool greedy = _at < text.Length && text[_at] == mark;
                    _at += greedy ? 1 : 0;
                    string pattern = ReadWord();
                    if (value is null && rules.KeepsUnset)
                    {
                        return text[start.._at];
                    }
                    return mark == '#' ? GlobText.TrimStart(value ?? "", pattern, greedy, rules.Escape) : GlobText.TrimEnd(value ?? "", pattern, greedy, rules.Escape);
                case '/':
                    bool all = _at < text.Length && text[_at] == '/';
                    _at += all ? 1 : 0;
                    string find = ReadPart('/');
                    string replacement = ReadWord();
                    if (value is null && rules.KeepsUnset)
                    {
                        return text[start.._at];
                    }
                    return GlobText.Replace(value ?? "", find, replacement, all, rules.Escape);
                default:
                    Fault = $"'{text[start..]}' has a modifier that is not supported: '{mark}'";
                    return "";
            }
        }

        private string Choose(int start, string name, string? value, char mark, bool isEmpty, string word)
        {
            bool isSet = value is not null && !isEmpty;
            switch (mark)
            {
                case '-':
                    return isSet ? value! : word;
                case '+':
                    return isSet ? word : "";
                case '?' when isSet:
                    return value!;
                case '?':
                    Fault ??= $"{name}: {(word.Length > 0 ? word : value is null ? "is not set" : "is empty")}";
                    return "";
                default:
                    Fault ??= $"'{text[start..]}' has a modifier that is not supported";
                    return "";
            }
        }

        /// <summary>A word within braces may have variables and quotes of its own.</summary>
        private string ReadWord() => Nested('}');

        private string ReadPart(char stop) => Nested(stop);

        private string Nested(char stop)
        {
            if (depth >= DepthMax)
            {
                Fault ??= $"variables are nested deeper than {DepthMax} in '{text}'";
                return "";
            }
            var inner = new Reader(rules, text, lookup, depth + 1) { _at = _at };
            string word = inner.Read(stop);
            _at = inner._at;
            Fault ??= inner.Fault;
            return word;
        }

        private string ReadName()
        {
            int start = _at;
            if (_at < text.Length && (char.IsAsciiLetter(text[_at]) || text[_at] == '_'))
            {
                while (_at < text.Length && (char.IsAsciiLetterOrDigit(text[_at]) || text[_at] == '_'))
                {
                    _at++;
                }
                return text[start.._at];
            }
            while (_at < text.Length && char.IsAsciiDigit(text[_at]))
            {
                _at++;
            }
            if (_at == start && _at < text.Length && text[_at] is '@' or '*' or '#' or '?' or '-' or '!' or '$')
            {
                _at++;
            }
            return text[start.._at];
        }

        private void Add(char c)
        {
            if (char.IsWhiteSpace(c))
            {
                EndWord();
                return;
            }
            _inWord = true;
            _word.Append(c);
        }

        private void AddQuoted(string quoted)
        {
            _inWord = true;
            _word.Append(quoted);
        }

        private void EndWord()
        {
            if (_inWord)
            {
                _words.Add(_word.ToString());
            }
            _word.Clear();
            _inWord = false;
        }
    }

}
