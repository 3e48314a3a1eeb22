namespace Caisson.Cli.Formatting;

/// <summary>Aligns cells that tabs end, as Go's tabwriter does with padding 3.</summary>
/// <remarks>A column is as wide as its widest cell plus the padding, and never narrower than the least width.</remarks>
internal sealed class ColumnWriter(int widthMin = 10)
{
    private const int Padding = 3;

    private readonly List<string[]> _lines = [];

    /// <summary>True when there is no line to write.</summary>
    public bool IsEmpty => _lines.Count == 0;

    /// <summary>Adds one line; its cells are separated by tabs. What a terminal would obey is shown instead.</summary>
    public void Add(string line) => _lines.Add(DisplayText.Printable(line).Split('\t'));

    /// <summary>Writes every line and forgets them.</summary>
    public void Flush(TextWriter output)
    {
        var blocks = new List<(int End, int Width)>();
        for (int line = 0; line < _lines.Count; line++)
        {
            string[] cells = _lines[line];
            for (int column = 0; column < cells.Length - 1; column++)
            {
                if (column == blocks.Count)
                {
                    blocks.Add(default);
                }
                if (blocks[column].End <= line)
                {
                    blocks[column] = Measure(line, column);
                }
                output.Write(cells[column]);
                for (int pad = DisplayText.Length(cells[column]); pad < blocks[column].Width; pad++)
                {
                    output.Write(' ');
                }
            }
            output.WriteLine(cells[^1]);
        }
        _lines.Clear();
    }

    /// <summary>The run of neighbouring lines that have the column, from <paramref name="first"/> on, and its width there.</summary>
    private (int End, int Width) Measure(int first, int column)
    {
        int width = widthMin;
        int line = first;
        for (; line < _lines.Count && HasCell(line, column); line++)
        {
            width = Math.Max(width, DisplayText.Length(_lines[line][column]) + Padding);
        }
        return (line, width);
    }

    /// <summary>The last cell of a line ends no column.</summary>
    private bool HasCell(int line, int column) => column < _lines[line].Length - 1;
}
