using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Caisson.Errors;
using Caisson.Oci.Json;

namespace Caisson.Oci.Runtime;

/// <summary>The documents of the runtime specification as bytes: strict in, canonical out.</summary>
/// <remarks>
/// Reading ignores unknown keys (as the specification demands), takes null for absent, and refuses repeated keys, wrong types,
/// numbers out of range, strings that are not UTF-8 or hold NUL, more than 64 levels and more than <see cref="BytesMax"/>. Written by hand over
/// the token reader: no reflection, no metadata, for a process that has to start in a few milliseconds.
/// </remarks>
public static class RuntimeSpecJson
{
    /// <summary>Larger documents are refused.</summary>
    public const int BytesMax = 8 << 20;

    private static readonly JsonWriterOptions Indented = new()
    {
        Indented = true,
        IndentSize = 4,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Reads <c>config.json</c> and checks it by <see cref="RuntimeSpecRules"/>.</summary>
    /// <param name="utf8">The document; the result keeps slices of it.</param>
    /// <param name="subject">What the document is, for the message: a file name.</param>
    /// <param name="warnings">Receives what is accepted but does not do what its author may think; null when nobody asks.</param>
    /// <exception cref="ProblemsException">All problems of the document, or, when it reads well, of what it says.</exception>
    public static RuntimeSpec Parse(ReadOnlyMemory<byte> utf8, string subject, ICollection<Problem>? warnings = null)
    {
        var problems = new List<Problem>();
        RuntimeSpec? spec = Read(utf8, problems);
        if (spec is not null && problems.Count == 0)
        {
            RuntimeSpecRules.Check(spec, problems, warnings);
        }
        ProblemsException.ThrowIfAny(subject, problems);
        return spec!;
    }

    /// <summary>Reads <c>config.json</c>; null when it is not JSON at all.</summary>
    /// <param name="utf8">The document; the result keeps slices of it.</param>
    /// <param name="problems">Receives every fault; the result counts only when there was none.</param>
    public static RuntimeSpec? Read(ReadOnlyMemory<byte> utf8, ICollection<Problem> problems) =>
        ReadDocument(utf8, problems, RuntimeSpecReader.Spec);

    /// <summary>Reads the document of <c>exec --process</c>; null when it is not JSON at all.</summary>
    /// <inheritdoc cref="Read" path="/param"/>
    public static Process? ReadProcess(ReadOnlyMemory<byte> utf8, ICollection<Problem> problems) =>
        ReadDocument(utf8, problems, RuntimeSpecReader.Process);

    /// <summary>Reads the document of <c>update --resources</c>; null when it is not JSON at all.</summary>
    /// <inheritdoc cref="Read" path="/param"/>
    public static LinuxResources? ReadResources(ReadOnlyMemory<byte> utf8, ICollection<Problem> problems) =>
        ReadDocument(utf8, problems, RuntimeSpecReader.Resources);

    /// <summary>Reads a state document, as hooks receive it; null when it is not JSON at all.</summary>
    /// <inheritdoc cref="Read" path="/param"/>
    public static State? ReadState(ReadOnlyMemory<byte> utf8, ICollection<Problem> problems) =>
        ReadDocument(utf8, problems, StateJson.Read);

    /// <summary>Reads a resources document inside another document.</summary>
    public static LinuxResources ReadResources(ref JsonCursor json) => RuntimeSpecReader.Resources(ref json);

    /// <summary>Writes a resources document inside another document.</summary>
    public static void Write(Utf8JsonWriter json, LinuxResources resources) => RuntimeSpecWriter.Resources(json, resources);

    /// <summary>The specification's word for <paramref name="type"/>.</summary>
    public static string NameOf(NamespaceType type) => SpecNames.Namespace[(int)type];

    /// <summary>The specification's (and for paused, runc's) word for <paramref name="status"/>.</summary>
    public static string NameOf(ContainerStatus status) => StateJson.NameOf(status);

    /// <summary>The bytes of <c>config.json</c>, with a final newline when <paramref name="indented"/>.</summary>
    public static byte[] ToUtf8(RuntimeSpec spec, bool indented = false) => WriteDocument(spec, RuntimeSpecWriter.Spec, indented);

    /// <summary>The bytes of a process document.</summary>
    /// <inheritdoc cref="ToUtf8(RuntimeSpec, bool)" path="/summary"/>
    public static byte[] ToUtf8(Process process, bool indented = false) => WriteDocument(process, RuntimeSpecWriter.Process, indented);

    /// <summary>The bytes of a resources document.</summary>
    public static byte[] ToUtf8(LinuxResources resources, bool indented = false) =>
        WriteDocument(resources, RuntimeSpecWriter.Resources, indented);

    /// <summary>The bytes of a state document.</summary>
    public static byte[] ToUtf8(State state, bool indented = false) => WriteDocument(state, StateJson.Write, indented);

    /// <summary>The bytes of a features document.</summary>
    public static byte[] ToUtf8(Features features, bool indented = false) => WriteDocument(features, FeaturesWriter.Write, indented);

    private static T? ReadDocument<T>(ReadOnlyMemory<byte> utf8, ICollection<Problem> problems, ReadJson<T> read) where T : class =>
        JsonCursor.Read(utf8, problems, BytesMax, read);

    private static byte[] WriteDocument<T>(T document, Action<Utf8JsonWriter, T> write, bool indented)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using (var json = new Utf8JsonWriter(buffer, indented ? Indented : Compact))
        {
            write(json, document);
        }
        if (indented)
        {
            buffer.Write("\n"u8);
        }
        return buffer.WrittenSpan.ToArray();
    }
}
