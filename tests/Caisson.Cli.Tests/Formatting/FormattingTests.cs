using Caisson.Cli.Formatting;
using Caisson.Client.Containers;

using Xunit;

namespace Caisson.Cli.Tests.Formatting;

public sealed class FormattingTests
{
    [Theory]
    [InlineData(0, "0B")]
    [InlineData(999, "999B")]
    [InlineData(1000, "1kB")]
    [InlineData(1984000, "1.98MB")]
    [InlineData(123456789, "123MB")]
    [InlineData(1.5e12, "1.5TB")]
    public void Decimal_sizes(double bytes, string expected) => Assert.Equal(expected, HumanSize.Decimal(bytes));

    [Theory]
    [InlineData(0, "0B")]
    [InlineData(434176, "424KiB")]
    [InlineData(25274793984, "23.54GiB")]
    [InlineData(1023, "1023B")]
    public void Binary_sizes(double bytes, string expected) => Assert.Equal(expected, HumanSize.Binary(bytes));

    [Theory]
    [InlineData(0, "Less than a second")]
    [InlineData(1, "1 second")]
    [InlineData(59, "59 seconds")]
    [InlineData(60, "About a minute")]
    [InlineData(120, "2 minutes")]
    [InlineData(3599, "59 minutes")]
    [InlineData(3600, "About an hour")]
    [InlineData(5400, "2 hours")]
    [InlineData(86400, "24 hours")]
    [InlineData(172800, "2 days")]
    [InlineData(1209600, "2 weeks")]
    [InlineData(5184000, "2 months")]
    [InlineData(63072000, "2 years")]
    public void Durations(int seconds, string expected) =>
        Assert.Equal(expected, HumanDuration.Format(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void Columns_are_padded_by_three_and_never_narrower_than_ten()
    {
        var table = new ColumnWriter();
        table.Add("A\tLONG HEADING\tLAST");
        table.Add("x\ty\tz");
        table.Add("é…\t\t");
        using var output = new StringWriter { NewLine = "\n" };

        table.Flush(output);

        Assert.Equal("A         LONG HEADING   LAST\nx         y              z\né…                       \n", output.ToString());
    }

    [Theory]
    [InlineData("short", 20, "short")]
    [InlineData("sh -c 'echo out; echo err'", 20, "sh -c 'echo out; ec…")]
    [InlineData("äöüäöü", 3, "äö…")]
    public void Text_is_cut_with_an_ellipsis(string text, int width, string expected) =>
        Assert.Equal(expected, DisplayText.Ellipsis(text, width));

    [Theory]
    [InlineData("a\"b\\", "\"a\\\"b\\\\\"")]
    [InlineData("a\n\t\u001b[31m", "\"a\\n\\t\\x1b[31m\"")]
    [InlineData("\u202eä…", "\"\\u202eä…\"")]
    public void Quoted_text_holds_no_control_characters(string text, string expected) =>
        Assert.Equal(expected, DisplayText.Quote(text));

    [Fact]
    public void Ports_in_one_cell()
    {
        PublishedPort[] ports =
        [
            new("", 443, 0, "tcp"),
            new("0.0.0.0", 80, 8080, "tcp"),
            new("::", 80, 8080, "tcp"),
            new("0.0.0.0", 9000, 9000, "udp"),
            new("0.0.0.0", 9001, 9001, "udp"),
        ];

        Assert.Equal("443/tcp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 0.0.0.0:9000-9001->9000-9001/udp", PortList.Format(ports));
    }

    [Theory]
    [InlineData("0000000000000000", "none")]
    [InlineData("0000000000000401", "chown net_bind_service")]
    [InlineData("000001ffffffffff", "all")]
    [InlineData("what", "unknown")]
    public void Capabilities_by_name(string mask, string expected) => Assert.Equal(expected, IsolationReport.CapabilityNames(mask));
}
