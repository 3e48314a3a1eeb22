using Caisson.Errors;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

public sealed partial class UnixSocket
{
    /// <summary>The kernel's limit of descriptors in one message (SCM_MAX_FD).</summary>
    public const int DescriptorsMax = 253;

    /// <summary>Sends one message, or the bytes of a stream, with copies of <paramref name="descriptors"/>. Source: sendmsg(2), unix(7).</summary>
    /// <param name="bytes">At least one when descriptors go with it.</param>
    /// <param name="descriptors">Stay the caller's; at most <see cref="DescriptorsMax"/>.</param>
    /// <exception cref="LinuxException"><see cref="Errno.EPIPE"/>: the peer is gone (no signal is raised); <see cref="Errno.EMSGSIZE"/>: larger than the socket's buffer.</exception>
    public unsafe void Send(ReadOnlySpan<byte> bytes, params ReadOnlySpan<Descriptor> descriptors)
    {
        if (descriptors.Length > DescriptorsMax)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"send {descriptors.Length} descriptors: at most {DescriptorsMax} go with one message");
        }

        nuint* control = stackalloc nuint[ControlWords(descriptors.Length)];
        int held = 0;
        try
        {
            int* numbers = (int*)((byte*)control + sizeof(cmsghdr));
            foreach (Descriptor descriptor in descriptors)
            {
                bool added = false;
                descriptor.DangerousAddRef(ref added);
                numbers[held++] = (int)descriptor.DangerousGetHandle();
            }
            if (held > 0)
            {
                *(cmsghdr*)control = new()
                {
                    cmsg_len = (nuint)(sizeof(cmsghdr) + (held * sizeof(int))),
                    cmsg_level = SOL_SOCKET,
                    cmsg_type = SCM_RIGHTS,
                };
            }
            SendAll(bytes, control, held == 0 ? 0 : (nuint)(ControlWords(held) * sizeof(nuint)));
        }
        finally
        {
            foreach (Descriptor descriptor in descriptors[..held])
            {
                descriptor.DangerousRelease();
            }
        }
    }

    /// <summary>Sends as <see cref="Send"/>; false when the peer is gone.</summary>
    public bool TrySend(ReadOnlySpan<byte> bytes)
    {
        try
        {
            Send(bytes);
            return true;
        }
        catch (LinuxException error) when (error.Errno is Errno.EPIPE or Errno.ECONNRESET or Errno.ENOTCONN)
        {
            return false;
        }
    }

    /// <summary>Receives one message, or what a stream has, with the descriptors that came along. Source: recvmsg(2), unix(7).</summary>
    /// <param name="buffer">A message longer than this is an error, not cut.</param>
    /// <param name="descriptors">Receives the descriptors, close-on-exec; the caller disposes them. Null: none are expected and any is an error.</param>
    /// <returns>The bytes received; 0 when the peer has closed.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: the peer sent a longer message or unexpected descriptors; nothing leaks.</exception>
    public unsafe int Receive(Span<byte> buffer, List<Descriptor>? descriptors = null)
    {
        using var fd = Hold();
        nuint* control = stackalloc nuint[ControlWords(DescriptorsMax)];
        fixed (byte* bytes = buffer)
        {
            var vector = new iovec { iov_base = bytes, iov_len = (nuint)buffer.Length };
            var message = new msghdr
            {
                msg_iov = &vector,
                msg_iovlen = 1,
                msg_control = control,
                msg_controllen = (nuint)(ControlWords(DescriptorsMax) * sizeof(nuint)),
            };
            int count = (int)Libc.Check(Libc.Restart(SYS_recvmsg, fd, (nint)(&message), MSG_CMSG_CLOEXEC), "recvmsg", this);

            var received = TakeDescriptors((byte*)control, (int)message.msg_controllen);
            bool cut = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
            if (cut || (descriptors is null && received.Count > 0))
            {
                received.ForEach(descriptor => descriptor.Dispose());
                throw new CaissonException(ErrorKind.InvalidArgument, cut
                    ? $"receive on {this}: the message is longer than {buffer.Length} bytes or its descriptors do not fit"
                    : $"receive on {this}: the peer sent descriptors where none belong");
            }
            foreach (Descriptor descriptor in received)
            {
                descriptors!.Add(descriptor);
            }
            return count;
        }
    }

    /// <summary>A stream may take a part only; the descriptors go with the first part.</summary>
    private unsafe void SendAll(ReadOnlySpan<byte> bytes, nuint* control, nuint controlLength)
    {
        using var fd = Hold();
        fixed (byte* start = bytes)
        {
            int done = 0;
            do
            {
                var vector = new iovec { iov_base = start + done, iov_len = (nuint)(bytes.Length - done) };
                var message = new msghdr
                {
                    msg_iov = &vector,
                    msg_iovlen = 1,
                    msg_control = done == 0 && controlLength > 0 ? control : null,
                    msg_controllen = done == 0 ? controlLength : 0,
                };
                done += (int)Libc.Check(Libc.Restart(SYS_sendmsg, fd, (nint)(&message), MSG_NOSIGNAL), "sendmsg", this);
            }
            while (done < bytes.Length);
        }
    }

    private static unsafe List<Descriptor> TakeDescriptors(byte* control, int length)
    {
        List<Descriptor> received = [];
        int offset = 0;
        while (offset + sizeof(cmsghdr) <= length)
        {
            var header = (cmsghdr*)(control + offset);
            int partLength = (int)header->cmsg_len;
            if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
            {
                int* numbers = (int*)(control + offset + sizeof(cmsghdr));
                for (int i = 0; i < (partLength - sizeof(cmsghdr)) / sizeof(int); i++)
                {
                    received.Add(TakeOver(numbers[i]));
                }
            }
            offset += (partLength + 7) & ~7;
        }
        return received;
    }

    private static unsafe int ControlWords(int descriptors) => ((sizeof(cmsghdr) + (descriptors * sizeof(int)) + 7) / 8) + 1;
}
