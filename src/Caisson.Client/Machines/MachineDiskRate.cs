using System.Text.Json;

namespace Caisson.Client.Machines;

/// <summary>How much a machine reads from and writes to a disk in a second; 0 is no limit.</summary>
public sealed record MachineDiskRate
{
    /// <summary>Bytes, read and written together.</summary>
    public long Bytes { get; init; }

    /// <summary>Bytes read.</summary>
    public long ReadBytes { get; init; }

    /// <summary>Bytes written.</summary>
    public long WriteBytes { get; init; }

    /// <summary>Requests of both kinds.</summary>
    public long Requests { get; init; }

    /// <summary>Requests that read.</summary>
    public long ReadRequests { get; init; }

    /// <summary>Requests that write.</summary>
    public long WriteRequests { get; init; }

    internal void Write(Utf8JsonWriter json)
    {
        json.WriteNumber(nameof(Bytes), Bytes);
        json.WriteNumber(nameof(ReadBytes), ReadBytes);
        json.WriteNumber(nameof(WriteBytes), WriteBytes);
        json.WriteNumber(nameof(Requests), Requests);
        json.WriteNumber(nameof(ReadRequests), ReadRequests);
        json.WriteNumber(nameof(WriteRequests), WriteRequests);
    }
}
