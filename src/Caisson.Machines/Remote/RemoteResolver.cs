using System.Buffers.Binary;

using Caisson.Linux.Launch;
using Caisson.Machines.Agent;

using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Machines.Remote;

/// <summary>The name server that a container finds at 127.0.0.11, in a machine that is led from outside: its questions go the way that those of other machines go.</summary>
internal sealed class RemoteResolver
{
    private const int MessageBytesMax = 4_096;
    private const int PendingMax = 256;
    private const int AddressBytes = 16;

    private readonly byte[][] _askers = new byte[PendingMax][];
    private readonly RemoteKernel _kernel;
    private readonly AgentLink _link;
    private uint _next;

    /// <summary>Answers from now on; the loopback is up.</summary>
    public RemoteResolver(RemoteKernel kernel, AgentLink link)
    {
        _kernel = kernel;
        _link = link;
        // struct sockaddr_in: the family, port 53 and the address in the network's order
        byte[] place = [AF_INET, 0, 0, 53, 127, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0, 0];
        var program = new LaunchProgram(LaunchStage.World);
        Slot socket = program.NewSlot("resolver");
        program.Add(SystemCall.socket, "serve names", AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0).Into(socket);
        program.Add(SystemCall.bind, "serve names at 127.0.0.11", socket, Block.Of(place, "127.0.0.11:53"), AddressBytes);
        Socket = kernel.Run(program).Number(socket);
    }

    /// <summary>To be watched.</summary>
    public int Socket { get; }

    /// <summary>Passes on what was asked; when too many wait, the oldest is forgotten, and its asker asks again.</summary>
    public void Ask()
    {
        while (true)
        {
            var program = new LaunchProgram(LaunchStage.World);
            Block asker = Block.Buffer(AddressBytes, "asker");
            Block length = Block.Words("length", AddressBytes);
            Block message = Block.Buffer(MessageBytesMax, "question");
            Slot count = program.NewSlot("count");
            program.Add(SystemCall.recvfrom, "hear a question", Socket, message, MessageBytesMax, 0, asker, length).Into(count).ExpectAny();
            RemoteAnswer answer = _kernel.Run(program, message, asker);
            int read = (int)Math.Clamp(answer.Result(count), -1, MessageBytesMax);
            if (read <= 0)
            {
                return;
            }
            uint number = _next++ % PendingMax;
            _askers[number] = answer.Content(asker).ToArray();
            byte[] question = new byte[4 + read];
            BinaryPrimitives.WriteUInt32LittleEndian(question, number);
            answer.Content(message)[..read].CopyTo(question.AsSpan(4));
            _link.Send(AgentFrameKind.Question, 0, question);
        }
    }

    /// <summary>Passes on what was answered.</summary>
    public void Answer(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > 4 && BinaryPrimitives.ReadUInt32LittleEndian(bytes) is < PendingMax and var number && _askers[number] is { } asker)
        {
            _kernel.Try("answer a question", SystemCall.sendto, Socket, Block.Of(bytes[4..], "answer"), bytes.Length - 4, 0, Block.Of(asker, "asker"), AddressBytes);
        }
    }
}
