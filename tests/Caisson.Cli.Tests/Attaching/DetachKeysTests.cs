using System.Text;

using Caisson.Cli.Attaching;

using Xunit;

namespace Caisson.Cli.Tests.Attaching;

public sealed class DetachKeysTests
{
    [Theory]
    [InlineData("", "abc", "abc", false)]
    [InlineData("", "ab\x10\x11xyz", "ab", true)]
    [InlineData("", "a\x10xyz", "a\x10xyz", false)]
    [InlineData("", "a\x10\x10\x11", "a\x10", true)]
    [InlineData("ctrl-c", "ab\x03z", "ab", true)]
    [InlineData("a,b,c", "abxabc", "abx", true)]
    [InlineData("ctrl-@,ctrl-[", "\0\x1b", "", true)]
    public void The_sequence_is_found_and_everything_else_passed_on(string keys, string typed, string passed, bool detached)
    {
        Assert.Equal((passed, detached), Type(keys, Encoding.Latin1.GetBytes(typed), typed.Length));
        Assert.Equal((passed, detached), Type(keys, Encoding.Latin1.GetBytes(typed), 1));
    }

    [Theory]
    [InlineData("ctrl-")]
    [InlineData("ctrl-é")]
    [InlineData("shift-a")]
    [InlineData("a,,b")]
    public void Unknown_keys_are_refused(string keys) => Assert.Throws<FormatException>(() => DetachKeys.Parse(keys));

    private static (string Passed, bool Detached) Type(string text, byte[] typed, int atOnce)
    {
        var keys = DetachKeys.Parse(text);
        var passed = new StringBuilder();
        byte[] buffer = new byte[typed.Length + keys.Length];
        foreach (byte[] block in typed.Chunk(atOnce))
        {
            bool detached = keys.Filter(block, buffer, out int count);
            passed.Append(Encoding.Latin1.GetString(buffer, 0, count));
            if (detached)
            {
                return (passed.ToString(), true);
            }
        }
        return (passed.ToString(), false);
    }
}
