using Caisson.Linux;

namespace Caisson.Runtime.Running;

/// <summary>Sends what a launch hands out over sockets of the caller's.</summary>
internal static class HandOver
{
    /// <summary>Sends a terminal's controlling side as runc does: its name as the message.</summary>
    public static void Terminal(string socketPath, Descriptor terminal)
    {
        using var socket = UnixSocket.Connect(Path.GetFullPath(socketPath), UnixSocketKind.Stream);
        socket.Send("/dev/ptmx"u8, terminal);
    }

    /// <summary>Sends the listener of seccomp notifications with the document the specification asks for.</summary>
    /// <remarks>Source: runtime-spec config-linux.md, "The Container Process State".</remarks>
    public static void SeccompListener(string socketPath, string? metadata, int pid, Oci.Runtime.State state, Descriptor listener)
    {
        var document = new System.Buffers.ArrayBufferWriter<byte>(512);
        using (var json = new System.Text.Json.Utf8JsonWriter(document))
        {
            json.WriteStartObject();
            json.WriteString("ociVersion", state.OciVersion);
            json.WriteStartArray("fds");
            json.WriteStringValue("seccompFd");
            json.WriteEndArray();
            json.WriteNumber("pid", pid);
            json.WriteString("metadata", metadata ?? "");
            json.WritePropertyName("state");
            json.WriteRawValue(Oci.Runtime.RuntimeSpecJson.ToUtf8(state));
            json.WriteEndObject();
        }
        using var socket = UnixSocket.Connect(socketPath, UnixSocketKind.Stream);
        socket.Send(document.WrittenSpan, listener);
    }
}
