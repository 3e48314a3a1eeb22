using System.Globalization;
using System.Text;

using Caisson.Control;
using Caisson.Errors;

using Microsoft.AspNetCore.Http;

namespace Caisson.Api.Grpc;

/// <summary>Calls of gRPC over Kestrel's HTTP/2: paths, deadlines, statuses. Source: gRPC's documentation, "gRPC over HTTP2".</summary>
/// <remarks>No compression and no streams from the client: no client of the interfaces that are served here needs them.</remarks>
internal sealed class GrpcApi(GrpcMethods methods, Action<string> log, EngineRest? rest)
{
    private const string ContentType = "application/grpc";

    /// <summary>A client that says more waits for ever.</summary>
    private static readonly TimeSpan DeadlineMax = TimeSpan.FromDays(1);

    /// <summary>Answers one call; nothing comes out of it as an exception.</summary>
    public async Task ProcessAsync(HttpContext context)
    {
        rest?.Note();
        HttpRequest request = context.Request;
        if (request.Method != HttpMethods.Post || request.ContentType?.StartsWith(ContentType, StringComparison.Ordinal) != true)
        {
            context.Response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
            return;
        }
        context.Response.ContentType = ContentType;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        TimeSpan? deadline = null;
        try
        {
            deadline = DeadlineOf(request.Headers["grpc-timeout"]);
            if (deadline is { } left)
            {
                stop.CancelAfter(left);
            }
            GrpcMethods.Method method = methods.Find(request.Path.Value ?? "")
                ?? throw new CaissonException(ErrorKind.Unimplemented, $"there is no call {request.Path.Value}");
            await method(context, stop.Token);
            End(context, GrpcStatus.Ok, "");
        }
        catch (OperationCanceledException)
        {
            if (!context.RequestAborted.IsCancellationRequested)
            {
                bool isLate = deadline is not null && stop.IsCancellationRequested;
                End(context, isLate ? GrpcStatus.DeadlineExceeded : GrpcStatus.Cancelled, isLate ? "the deadline of the call is over" : "the call was cancelled");
            }
        }
        catch (CaissonException error)
        {
            if (error.Kind == ErrorKind.Internal)
            {
                log($"{request.Path.Value}: {error.Message}");
            }
            End(context, GrpcStatuses.Of(error.Kind), error.Message);
        }
        catch (GrpcException error)
        {
            End(context, error.Status, error.Message);
        }
        catch (Exception error) when (error is IOException && context.RequestAborted.IsCancellationRequested)
        {
            // The client went away; there is nobody to tell.
        }
#pragma warning disable CA1031 // the edge: whatever happens, one client gets an answer and the others are served
        catch (Exception error)
#pragma warning restore CA1031
        {
            log($"{request.Path.Value}: {error}");
            End(context, GrpcStatus.Internal, $"a fault of the engine: {error.Message}");
        }
        finally
        {
            rest?.Note();
        }
    }

    /// <summary>The status goes behind the messages, or stands alone when there are none.</summary>
    private static void End(HttpContext context, GrpcStatus status, string message)
    {
        string code = ((int)status).ToString(CultureInfo.InvariantCulture);
        if (context.Response.HasStarted)
        {
            context.Response.AppendTrailer("grpc-status", code);
            if (message.Length > 0)
            {
                context.Response.AppendTrailer("grpc-message", Escape(message));
            }
            return;
        }
        context.Response.Headers["grpc-status"] = code;
        if (message.Length > 0)
        {
            context.Response.Headers["grpc-message"] = Escape(message);
        }
    }

    /// <summary>Reads <c>grpc-timeout</c>: at most eight digits and a unit; null without one.</summary>
    internal static TimeSpan? DeadlineOf(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }
        double seconds = text[^1] switch { 'H' => 3_600, 'M' => 60, 'S' => 1, 'm' => 1e-3, 'u' => 1e-6, 'n' => 1e-9, _ => 0 };
        if (seconds == 0 || text.Length is < 2 or > 9 || !long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out long count))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"the header grpc-timeout is '{text}'; it is a number of at most eight digits with H, M, S, m, u or n");
        }
        double total = count * seconds;
        return total > DeadlineMax.TotalSeconds ? null : TimeSpan.FromSeconds(total);
    }

    /// <summary>Bytes that are no printable ASCII, and the percent sign, as <c>%XX</c>.</summary>
    internal static string Escape(string message)
    {
        var text = new StringBuilder(message.Length);
        foreach (byte one in Encoding.UTF8.GetBytes(message))
        {
            if (one is >= 0x20 and <= 0x7E and not (byte)'%')
            {
                text.Append((char)one);
            }
            else
            {
                text.Append('%').Append(one.ToString("X2", CultureInfo.InvariantCulture));
            }
        }
        return text.ToString();
    }
}
