using System.Text;

using Caisson.Client.Streams;
using Caisson.Errors;

using Xunit;

namespace Caisson.Cli.Tests.Http;

public sealed class MultiplexedReaderTests
{
    [Fact]
    public void Frames_go_to_their_stream()
    {
        var (output, error) = Copy([.. Frame(1, "out "), .. Frame(2, "err"), .. Frame(1, ""), .. Frame(1, "again")]);

        Assert.Equal("out again", output);
        Assert.Equal("err", error);
    }

    [Fact]
    public void Nothing_is_nothing() => Assert.Equal(("", ""), Copy([]));

    [Theory]
    [InlineData(new byte[] { 1, 0, 0 })]
    [InlineData(new byte[] { 1, 0, 0, 0, 0, 0, 0, 5, 1, 2 })]
    [InlineData(new byte[] { 9, 0, 0, 0, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 1, 0, 0, 0, 255, 255, 255, 255, 1 })]
    public void Broken_frames_are_errors(byte[] bytes) => Assert.Throws<CaissonException>(() => Copy(bytes));

    [Fact]
    public void An_error_frame_ends_with_the_engines_words()
    {
        var problem = Assert.Throws<CaissonException>(() => Copy([.. Frame(1, "x"), .. Frame(3, "log is gone")]));

        Assert.Contains("log is gone", problem.Message, StringComparison.Ordinal);
    }

    private static (string Output, string Error) Copy(byte[] bytes)
    {
        using var output = new MemoryStream();
        using var error = new MemoryStream();
        MultiplexedReader.CopyTo(new MemoryStream(bytes), output, error);
        return (Encoding.UTF8.GetString(output.ToArray()), Encoding.UTF8.GetString(error.ToArray()));
    }

    private static byte[] Frame(byte stream, string text) => [stream, 0, 0, 0, 0, 0, 0, (byte)text.Length, .. Encoding.UTF8.GetBytes(text)];
}
