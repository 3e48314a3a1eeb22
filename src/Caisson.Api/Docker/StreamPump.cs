using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Net.Sockets;

using Caisson.Api.Http;
using Caisson.Control.Hosting;

namespace Caisson.Api.Docker;

/// <summary>Moves bytes between a client's stream and a process's.</summary>
internal static class StreamPump
{
    private const int ChunkBytes = 32 << 10;

    /// <summary>How the client wants its stream.</summary>
    /// <param name="Stdin">What it sends goes to the process.</param>
    /// <param name="Output">It wants output or errors.</param>
    /// <param name="EndStdin">The end of what it sends is the end of stdin.</param>
    /// <param name="Keys">The keys that detach; null without a terminal.</param>
    /// <param name="Reframed">A terminal's output goes in frames, as output of the process.</param>
    public readonly record struct Wish(bool Stdin, bool Output, bool EndStdin, DetachKeys? Keys, bool Reframed = false);

    /// <summary>Runs until the process has closed its output, the client is gone, or it typed the keys that detach.</summary>
    public static async Task RunAsync(Hijack hijack, Attachment attachment, Wish wish)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(hijack.Gone);
        Task<bool> input = wish.Stdin ? FromClientAsync(hijack.Input, attachment, wish, stop.Token) : Task.FromResult(false);
        Task output = wish.Reframed ? ToClientFramedAsync(attachment, hijack.Output, stop.Token) : ToClientAsync(attachment, hijack.Output, stop.Token);
        try
        {
            while (!output.IsCompleted)
            {
                Task first = await Task.WhenAny(output, input);
                if (first == input)
                {
                    bool detached = await input;
                    if (detached || !wish.Output)
                    {
                        break;
                    }
                    await output;
                }
            }
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(Quietly(output), Quietly(input));
        }
    }

    /// <summary>Writes one of Docker's frames: stream number, three zero bytes, big-endian length, bytes.</summary>
    public static void WriteFrame(IBufferWriter<byte> output, byte stream, ReadOnlySpan<byte> bytes)
    {
        Span<byte> head = output.GetSpan(8);
        head[..4].Clear();
        head[0] = stream;
        BinaryPrimitives.WriteInt32BigEndian(head[4..], bytes.Length);
        output.Advance(8);
        output.Write(bytes);
    }

    private static async Task ToClientAsync(Attachment attachment, PipeWriter client, CancellationToken stop)
    {
        while (true)
        {
            int count = await attachment.ReadAsync(client.GetMemory(ChunkBytes), stop);
            if (count == 0)
            {
                return;
            }
            client.Advance(count);
            FlushResult flushed = await client.FlushAsync(stop);
            if (flushed.IsCompleted)
            {
                return;
            }
        }
    }

    private static async Task ToClientFramedAsync(Attachment attachment, PipeWriter client, CancellationToken stop)
    {
        byte[] buffer = new byte[ChunkBytes];
        int count;
        while ((count = await attachment.ReadAsync(buffer, stop)) > 0)
        {
            WriteFrame(client, stream: 1, buffer.AsSpan(0, count));
            FlushResult flushed = await client.FlushAsync(stop);
            if (flushed.IsCompleted)
            {
                return;
            }
        }
    }

    /// <returns>True when the keys that detach were typed.</returns>
    private static async Task<bool> FromClientAsync(PipeReader client, Attachment attachment, Wish wish, CancellationToken stop)
    {
        List<byte> passed = [];
        while (true)
        {
            ReadResult read = await client.ReadAsync(stop);
            bool detached = false;
            try
            {
                foreach (ReadOnlyMemory<byte> segment in read.Buffer)
                {
                    if (wish.Keys is null)
                    {
                        await attachment.WriteAsync(segment, stop);
                        continue;
                    }
                    passed.Clear();
                    detached = wish.Keys.Filter(segment.Span, passed);
                    await attachment.WriteAsync(passed.ToArray(), stop);
                    if (detached)
                    {
                        return true;
                    }
                }
            }
            catch (Exception error) when (error is SocketException or IOException)
            {
                // The process reads no more; its output may go on, so what the client still sends is dropped.
                wish = wish with { EndStdin = false };
            }
            finally
            {
                client.AdvanceTo(read.Buffer.End);
            }
            if (read.IsCompleted)
            {
                if (wish.EndStdin)
                {
                    attachment.CompleteInput();
                }
                return false;
            }
        }
    }

    private static async Task Quietly(Task task)
    {
        try
        {
            await task;
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or IOException)
        {
            // One direction ended because the other did.
        }
    }
}
