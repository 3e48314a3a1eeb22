using System.Collections.Frozen;

using Google.Protobuf;

using Microsoft.AspNetCore.Http;

namespace Caisson.Api.Grpc;

/// <summary>Sends the messages of an answer that is a stream, one after the other.</summary>
internal delegate Task GrpcSend<in T>(T message) where T : IMessage<T>;

/// <summary>The calls that a server knows, by their paths.</summary>
internal sealed class GrpcMethods
{
    /// <summary>Reads the request, works, and writes the answer; the status is for whoever called it.</summary>
    internal delegate Task Method(HttpContext context, CancellationToken cancellation);

    private readonly FrozenDictionary<string, Method> _methods;

    private GrpcMethods(FrozenDictionary<string, Method> methods) => _methods = methods;

    /// <summary>Finds a call; null when there is none of that path.</summary>
    public Method? Find(string path) => _methods.GetValueOrDefault(path);

    /// <summary>Collects the calls of services.</summary>
    internal sealed class Builder
    {
        private readonly Dictionary<string, Method> _methods = [];
        private string _service = "";

        /// <summary>What follows belongs to <paramref name="service"/>, such as <c>runtime.v1.ImageService</c>.</summary>
        public Builder Service(string service)
        {
            _service = service;
            return this;
        }

        /// <summary>A call with one message in each direction.</summary>
        public Builder Unary<TRequest, TResponse>(string name, MessageParser<TRequest> parser, Func<TRequest, CancellationToken, Task<TResponse>> handler)
            where TRequest : IMessage<TRequest>
            where TResponse : IMessage<TResponse>
        {
            _methods.Add($"/{_service}/{name}", async (context, cancellation) =>
            {
                TRequest request = await GrpcFrame.ReadAsync(context.Request.BodyReader, parser, cancellation);
                byte[] frame = GrpcFrame.Write(await handler(request, cancellation));
                await context.Response.BodyWriter.WriteAsync(frame, cancellation);
            });
            return this;
        }

        /// <summary>As the other, for work that waits for nothing.</summary>
        public Builder Unary<TRequest, TResponse>(string name, MessageParser<TRequest> parser, Func<TRequest, TResponse> handler)
            where TRequest : IMessage<TRequest>
            where TResponse : IMessage<TResponse> =>
            Unary(name, parser, (request, _) => Task.FromResult(handler(request)));

        /// <summary>A call that is answered by a stream of messages, which go out as they come.</summary>
        public Builder Stream<TRequest, TResponse>(string name, MessageParser<TRequest> parser, Func<TRequest, GrpcSend<TResponse>, CancellationToken, Task> handler)
            where TRequest : IMessage<TRequest>
            where TResponse : IMessage<TResponse>
        {
            _methods.Add($"/{_service}/{name}", async (context, cancellation) =>
            {
                TRequest request = await GrpcFrame.ReadAsync(context.Request.BodyReader, parser, cancellation);
                await context.Response.StartAsync(cancellation); // that it is heard is certain from here on
                await handler(request, async message => await context.Response.BodyWriter.WriteAsync(GrpcFrame.Write(message), cancellation), cancellation);
            });
            return this;
        }

        public GrpcMethods Build() => new(_methods.ToFrozenDictionary());
    }
}
