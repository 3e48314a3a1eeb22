namespace Caisson.Scan.Versions;

/// <summary>The order of Alpine versions: <c>1.2.3a_rc1_p2~hash-r4</c>.</summary>
/// <remarks>
/// What a version does not allow ends it there, as a part that is older than any other. A number after a letter (<c>6.6.2p1</c>) is read
/// as apk before 3 did, since packages and advisories of then have it. Source: apk-package(5), "Versions".
/// </remarks>
public static class ApkVersion
{
    // Before none: a release that is not yet one. After none: a release and more.
    private static readonly string[] Suffixes = ["alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p"];
    private static readonly int None = Array.IndexOf(Suffixes, "");

    // In the order in which parts follow each other: a later kind, or the end, is older than an earlier one.
    private enum Kind
    {
        First,
        Number,
        Letter,
        Suffix,
        SuffixNumber,
        Hash,
        Revision,
        End,
        Invalid,
    }

    /// <summary>Negative, zero or positive as <paramref name="a"/> is older than, equal to or newer than <paramref name="b"/>.</summary>
    public static int Compare(string a, string b)
    {
        var left = new Reader(a.AsSpan().Trim());
        var right = new Reader(b.AsSpan().Trim());
        while (left.Kind == right.Kind && left.Kind < Kind.End)
        {
            int order = left.Kind switch
            {
                Kind.Number when Zero(left.Value) || Zero(right.Value) => left.Value.SequenceCompareTo(right.Value),
                Kind.First or Kind.Number or Kind.SuffixNumber or Kind.Revision => NumberText.Compare(left.Value, right.Value),
                Kind.Suffix => left.SuffixOrder.CompareTo(right.SuffixOrder),
                _ => left.Value.SequenceCompareTo(right.Value),
            };
            if (order != 0)
            {
                return order;
            }
            left.Next();
            right.Next();
        }
        if (left.Kind == right.Kind)
        {
            return 0;
        }
        if (left.Kind == Kind.Suffix && left.SuffixOrder < None)
        {
            return -1;
        }
        if (right.Kind == Kind.Suffix && right.SuffixOrder < None)
        {
            return 1;
        }
        return right.Kind.CompareTo(left.Kind);
    }

    private static bool Zero(ReadOnlySpan<char> value) => value.Length > 0 && value[0] == '0';

    private ref struct Reader
    {
        private ReadOnlySpan<char> _rest;

        public Reader(ReadOnlySpan<char> text)
        {
            _rest = text;
            Kind = Kind.First;
            TakeNumber();
        }

        public Kind Kind { get; private set; }

        public ReadOnlySpan<char> Value { get; private set; }

        public int SuffixOrder { get; private set; }

        public void Next()
        {
            if (_rest.IsEmpty)
            {
                Kind = Kind.End;
                return;
            }
            Kind before = Kind;
            switch (_rest[0])
            {
                case >= 'a' and <= 'z' when before is Kind.First or Kind.Number:
                    Kind = Kind.Letter;
                    Value = _rest[..1];
                    _rest = _rest[1..];
                    break;
                case >= '0' and <= '9' when before == Kind.Letter:
                    Kind = Kind.Number;
                    TakeNumber();
                    break;
                case '.' when before is Kind.First or Kind.Number:
                    _rest = _rest[1..];
                    Kind = Kind.Number;
                    TakeNumber();
                    break;
                case '_' when before <= Kind.SuffixNumber:
                    _rest = _rest[1..];
                    Kind = Kind.Suffix;
                    TakeSuffix();
                    break;
                case >= '0' and <= '9' when before == Kind.Suffix:
                    Kind = Kind.SuffixNumber;
                    TakeNumber();
                    break;
                case '~' when before < Kind.Hash:
                    _rest = _rest[1..];
                    Kind = Kind.Hash;
                    TakeHash();
                    break;
                case '-' when before < Kind.Revision && _rest.Length > 1 && _rest[1] == 'r':
                    _rest = _rest[2..];
                    Kind = Kind.Revision;
                    TakeNumber();
                    break;
                default:
                    Kind = Kind.Invalid;
                    break;
            }
        }

        private void TakeNumber()
        {
            int length = NumberText.Length(_rest);
            Value = _rest[..length];
            _rest = _rest[length..];
            if (length == 0)
            {
                Kind = Kind.Invalid;
            }
        }

        private void TakeSuffix()
        {
            int length = 0;
            while (length < _rest.Length && char.IsAsciiLetterLower(_rest[length]))
            {
                length++;
            }
            SuffixOrder = length == 0 ? -1 : Array.IndexOf(Suffixes, _rest[..length].ToString());
            Value = _rest[..length];
            _rest = _rest[length..];
            if (SuffixOrder < 0)
            {
                Kind = Kind.Invalid;
            }
        }

        private void TakeHash()
        {
            int length = 0;
            while (length < _rest.Length && char.IsAsciiHexDigitLower(_rest[length]))
            {
                length++;
            }
            Value = _rest[..length];
            _rest = _rest[length..];
            if (length == 0)
            {
                Kind = Kind.Invalid;
            }
        }
    }
}
