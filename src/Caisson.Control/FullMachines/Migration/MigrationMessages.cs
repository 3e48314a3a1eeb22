using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Serialization;

using Caisson.Control.Model;
using Caisson.Errors;

namespace Caisson.Control.FullMachines.Migration;

/// <summary>A machine that wants to come.</summary>
internal sealed record MigrationOffer
{
    /// <summary>Of this conversation; both sides have the same.</summary>
    public const int CurrentVersion = 1;

    public int Version { get; init; }

    public required FullMachineRecord Machine { get; init; }

    /// <summary>QEMU's version there.</summary>
    public string Qemu { get; init; } = "";

    /// <summary>Addresses that its interfaces have now, in order.</summary>
    public IReadOnlyList<string> Addresses { get; init; } = [];

    /// <summary>Small files that go along, below the machine's directory; their bytes follow the offer.</summary>
    public IReadOnlyList<MigrationFile> Files { get; init; } = [];

    /// <summary>Of its disks, as they are encrypted there, too; empty when they are not. The connection is a socket of this host, or ssh.</summary>
    public string Passphrase { get; init; } = "";

    public MigrationSettings Settings { get; init; } = new();
}

/// <summary>A file that goes along.</summary>
internal sealed record MigrationFile(string Name, int Bytes);

/// <summary>How memory is moved; the same on both sides.</summary>
internal sealed record MigrationSettings
{
    public int DowntimeMs { get; init; }

    public long BytesPerSecond { get; init; }

    public bool PostCopy { get; init; }
}

/// <summary>What the sides say to each other: <c>ready</c>, <c>disks</c>, <c>closed</c>, <c>running</c>, <c>error</c>.</summary>
internal sealed record MigrationWord
{
    public required string Say { get; init; }

    public string Text { get; init; } = "";

    public bool PostCopy { get; init; }
}

/// <summary>Documents on a stream, each with its length before it.</summary>
internal static class MigrationWire
{
    private const int BytesMax = 1 << 20;

    public static async Task SendAsync<T>(Stream stream, T value, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type, CancellationToken cancellation)
    {
        byte[] document = JsonSerializer.SerializeToUtf8Bytes(value, type);
        byte[] frame = new byte[4 + document.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, document.Length);
        document.CopyTo(frame, 4);
        await stream.WriteAsync(frame, cancellation);
        await stream.FlushAsync(cancellation);
    }

    /// <summary>Null when the other side is gone.</summary>
    public static async Task<T?> ReceiveAsync<T>(Stream stream, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type, CancellationToken cancellation) where T : class
    {
        byte[] head = new byte[4];
        if (await stream.ReadAtLeastAsync(head, 4, throwOnEndOfStream: false, cancellation) < 4)
        {
            return null;
        }
        int length = BinaryPrimitives.ReadInt32BigEndian(head);
        if (length is < 2 or > BytesMax)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "the other side does not speak of a migration");
        }
        byte[] document = new byte[length];
        if (await stream.ReadAtLeastAsync(document, length, throwOnEndOfStream: false, cancellation) < length)
        {
            return null;
        }
        try
        {
            return JsonSerializer.Deserialize(document, type);
        }
        catch (JsonException error)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"the other side does not speak of a migration: {error.Message}", error);
        }
    }

    /// <summary>Copies both ways until one side ends; then both do.</summary>
    public static async Task PumpAsync(Stream one, Stream other)
    {
        using var over = new CancellationTokenSource();
        Task there = CopyAsync(one, other, over.Token);
        Task back = CopyAsync(other, one, over.Token);
        await Task.WhenAny(there, back);
        await over.CancelAsync();
        await Task.WhenAll(there, back);
    }

    private static async Task CopyAsync(Stream from, Stream to, CancellationToken over)
    {
        byte[] buffer = new byte[256 << 10];
        try
        {
            int count;
            while ((count = await from.ReadAsync(buffer, over)) > 0)
            {
                await to.WriteAsync(buffer.AsMemory(0, count), over);
                await to.FlushAsync(over);
            }
        }
        catch (Exception error) when (error is IOException or OperationCanceledException or ObjectDisposedException or System.Net.Sockets.SocketException)
        {
            // A side is gone, which ends the stream.
        }
    }
}

/// <summary>Compiled reading and writing.</summary>
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault, UseStringEnumConverter = true)]
[JsonSerializable(typeof(MigrationOffer))]
[JsonSerializable(typeof(MigrationWord))]
internal sealed partial class MigrationJson : JsonSerializerContext;
