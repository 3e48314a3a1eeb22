using Caisson.Client.Http;
using Caisson.Client.Streams;
using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Cli.Attaching;

/// <summary>Moves bytes between the standard streams and a process in a container, until its output ends.</summary>
internal sealed class StreamPump(Session session, HijackedStream stream)
{
    private volatile bool _detached;

    /// <summary>Sends standard input on a thread of its own; its end becomes the end of the container's input.</summary>
    /// <param name="keys">Keys that detach; null: none do.</param>
    public void StartInput(DetachKeys? keys) =>
        new Thread(() => CopyInput(keys)) { IsBackground = true, Name = "stdin" }.Start();

    /// <summary>Copies output until its end.</summary>
    /// <param name="tty">The process has a terminal: one raw stream.</param>
    /// <returns>False when the user detached.</returns>
    public bool CopyOutput(bool tty)
    {
        try
        {
            if (tty)
            {
                stream.CopyTo(session.OutputStream, 32 * 1024);
            }
            else
            {
                MultiplexedReader.CopyTo(stream, session.OutputStream, session.ErrorStream);
            }
        }
        catch (CaissonException e) when (_detached && e is not LinuxException)
        {
            return false;
        }
        return !_detached;
    }

    private void CopyInput(DetachKeys? keys)
    {
        byte[] typed = new byte[16 * 1024];
        byte[] passed = new byte[typed.Length + (keys?.Length ?? 0)];
        try
        {
            int count;
            while ((count = session.InputStream.Read(typed, 0, typed.Length)) > 0)
            {
                if (keys is null)
                {
                    stream.Write(typed, 0, count);
                    continue;
                }
                bool detach = keys.Filter(typed.AsSpan(0, count), passed, out int passing);
                stream.Write(passed, 0, passing);
                if (detach)
                {
                    _detached = true;
                    stream.Abort();
                    return;
                }
            }
            stream.CompleteWriting();
        }
        catch (Exception e) when (e is IOException or LinuxException or ObjectDisposedException)
        {
            // The process reads no more, or the connection ended: its output says how it goes on.
        }
    }
}
