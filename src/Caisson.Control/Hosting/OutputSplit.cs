using System.Buffers.Binary;
using System.Text;

namespace Caisson.Control.Hosting;

/// <summary>Takes the frames of an <see cref="Attachment"/> without a terminal apart: output goes on as it comes, errors are kept, within bounds.</summary>
/// <param name="output">Receives the output.</param>
internal sealed class OutputSplit(Stream output)
{
    private const int HeaderSize = 8;
    private const byte ErrorsStream = 2;
    private const int ErrorBytesMax = 4_096;

    private readonly byte[] _header = new byte[HeaderSize];
    private readonly byte[] _errors = new byte[ErrorBytesMax];
    private int _errorBytes;
    private int _headerBytes;
    private uint _left;

    /// <summary>The errors, as text.</summary>
    public string Errors => Encoding.UTF8.GetString(_errors, 0, _errorBytes);

    /// <summary>Takes the next bytes, which may begin and end anywhere in a frame.</summary>
    public async ValueTask TakeAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        while (!bytes.IsEmpty)
        {
            if (_left == 0)
            {
                int part = Math.Min(HeaderSize - _headerBytes, bytes.Length);
                bytes[..part].CopyTo(_header.AsMemory(_headerBytes));
                bytes = bytes[part..];
                _headerBytes += part;
                if (_headerBytes == HeaderSize)
                {
                    _left = BinaryPrimitives.ReadUInt32BigEndian(_header.AsSpan(4));
                    _headerBytes = 0;
                }
                continue;
            }
            ReadOnlyMemory<byte> piece = bytes[..(int)Math.Min(_left, (uint)bytes.Length)];
            if (_header[0] == ErrorsStream)
            {
                int kept = Math.Min(piece.Length, ErrorBytesMax - _errorBytes);
                piece.Span[..kept].CopyTo(_errors.AsSpan(_errorBytes));
                _errorBytes += kept;
            }
            else
            {
                await output.WriteAsync(piece, cancellationToken);
            }
            _left -= (uint)piece.Length;
            bytes = bytes[piece.Length..];
        }
    }
}
