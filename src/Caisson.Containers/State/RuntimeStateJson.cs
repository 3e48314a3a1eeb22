using System.Buffers;
using System.Collections.ObjectModel;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Caisson.Errors;
using Caisson.Oci.Json;
using Caisson.Oci.Runtime;

namespace Caisson.Containers.State;

/// <summary>The documents <c>state.json</c> (ours) and of <c>state</c> and <c>list</c> (runc's).</summary>
public static class RuntimeStateJson
{
    /// <summary>The layout of <c>state.json</c>; another number is refused.</summary>
    private const int Layout = 1;

    private static readonly JsonWriterOptions Indented = new()
    {
        Indented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Reads <c>state.json</c>.</summary>
    /// <exception cref="ProblemsException">It is damaged or from a version of the runtime that wrote it differently.</exception>
    public static RuntimeState Read(ReadOnlyMemory<byte> utf8, string subject)
    {
        var problems = new List<Problem>();
        RuntimeState? state = JsonCursor.Read(utf8, problems, RuntimeSpecJson.BytesMax, Read);
        ProblemsException.ThrowIfAny(subject, problems);
        return state!;
    }

    /// <summary>The bytes of <c>state.json</c>.</summary>
    public static byte[] ToUtf8(RuntimeState state) => Document(json =>
    {
        json.WriteStartObject();
        json.WriteNumber("layout", Layout);
        json.WriteString("id", state.Id);
        json.WriteString("ociVersion", state.OciVersion);
        json.WriteString("bundle", state.Bundle);
        json.WriteString("rootfs", state.Rootfs);
        json.WriteString("created", Stamp(state.Created));
        json.WriteNumber("pid", state.Pid);
        json.WriteNumber("pidStartTime", state.PidStartTime);
        json.WriteString("bootId", state.BootId);
        json.WriteBoolean("started", state.Started);
        json.WriteNumber("ownerUid", state.OwnerUid);
        Map(json, "cgroupPaths", state.CgroupPaths);
        Map(json, "namespacePaths", state.NamespacePaths);
        json.WritePropertyName("resources");
        RuntimeSpecJson.Write(json, state.Resources);
        Map(json, "annotations", state.Annotations);
        json.WriteEndObject();
    });

    /// <summary>What <c>state ID</c> prints: the specification's document with runc's additions.</summary>
    /// <param name="state">The container.</param>
    /// <param name="status">Where it is in its life now.</param>
    public static byte[] ToStateOutput(RuntimeState state, ContainerStatus status) =>
        Document(json => Entry(json, state, status, owner: null));

    /// <summary>What <c>list --format json</c> prints: an array of the same, each with its owner.</summary>
    /// <param name="entries">The containers, their status and the user name of who created them.</param>
    public static byte[] ToListOutput(IEnumerable<(RuntimeState State, ContainerStatus Status, string Owner)> entries) => Document(json =>
    {
        json.WriteStartArray();
        foreach ((RuntimeState state, ContainerStatus status, string owner) in entries)
        {
            Entry(json, state, status, owner);
        }
        json.WriteEndArray();
    }, isIndented: false);

    /// <summary>A time as Go writes it: UTC with as many digits as the clock has.</summary>
    public static string Stamp(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture);

    private static void Entry(Utf8JsonWriter json, RuntimeState state, ContainerStatus status, string? owner)
    {
        json.WriteStartObject();
        json.WriteString("ociVersion", state.OciVersion);
        json.WriteString("id", state.Id);
        json.WriteNumber("pid", status == ContainerStatus.Stopped ? 0 : state.Pid);
        json.WriteString("status", RuntimeSpecJson.NameOf(status));
        json.WriteString("bundle", state.Bundle);
        json.WriteString("rootfs", state.Rootfs);
        json.WriteString("created", Stamp(state.Created));
        if (state.Annotations.Count > 0)
        {
            Map(json, "annotations", state.Annotations);
        }
        json.WriteString("owner", owner ?? "");
        json.WriteEndObject();
    }

    private static void Map(Utf8JsonWriter json, string name, IReadOnlyDictionary<string, string> map)
    {
        json.WriteStartObject(name);
        foreach ((string key, string value) in map)
        {
            json.WriteString(key, value);
        }
        json.WriteEndObject();
    }

    private static byte[] Document(Action<Utf8JsonWriter> write, bool isIndented = true)
    {
        var buffer = new ArrayBufferWriter<byte>(2048);
        using (var json = new Utf8JsonWriter(buffer, Indented with { Indented = isIndented }))
        {
            write(json);
        }
        return buffer.WrittenSpan.ToArray();
    }

    private static RuntimeState Read(ref JsonCursor json)
    {
        var fields = new Fields();
        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "layout": fields.Layout = json.Integer(Layout, Layout); break;
                case "id": fields.Id = json.Text(); break;
                case "ociVersion": fields.OciVersion = json.Text(); break;
                case "bundle": fields.Bundle = json.Text(); break;
                case "rootfs": fields.Rootfs = json.Text(); break;
                case "created": fields.Created = Time(ref json); break;
                case "pid": fields.Pid = (int)json.Integer(0, int.MaxValue); break;
                case "pidStartTime": fields.PidStartTime = json.Unsigned(); break;
                case "bootId": fields.BootId = json.Text(); break;
                case "started": fields.Started = json.Flag(); break;
                case "ownerUid": fields.OwnerUid = json.UInt32(); break;
                case "cgroupPaths": fields.CgroupPaths = json.TextMap(); break;
                case "namespacePaths": fields.NamespacePaths = json.TextMap(); break;
                case "resources": fields.Resources = RuntimeSpecJson.ReadResources(ref json); break;
                case "annotations": fields.Annotations = json.TextMap(); break;
                default: json.Skip(); break;
            }
        }
        if (entered)
        {
            fields.RequireAll(ref json);
        }
        return fields.ToState();
    }

    private static DateTimeOffset Time(ref JsonCursor json)
    {
        if (DateTimeOffset.TryParse(json.Text(), CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out DateTimeOffset time))
        {
            return time;
        }
        json.Report("must be a time such as 2026-01-31T12:00:00Z");
        return default;
    }

    /// <summary>The document while it is read.</summary>
    private sealed class Fields
    {
        public long? Layout { get; set; }

        public string? Id { get; set; }

        public string? OciVersion { get; set; }

        public string? Bundle { get; set; }

        public string? Rootfs { get; set; }

        public DateTimeOffset? Created { get; set; }

        public int? Pid { get; set; }

        public ulong? PidStartTime { get; set; }

        public string? BootId { get; set; }

        public bool Started { get; set; }

        public uint OwnerUid { get; set; }

        public IReadOnlyDictionary<string, string> CgroupPaths { get; set; } = ReadOnlyDictionary<string, string>.Empty;

        public IReadOnlyDictionary<string, string> NamespacePaths { get; set; } = ReadOnlyDictionary<string, string>.Empty;

        public LinuxResources Resources { get; set; } = new();

        public IReadOnlyDictionary<string, string> Annotations { get; set; } = ReadOnlyDictionary<string, string>.Empty;

        public void RequireAll(ref JsonCursor json)
        {
            ReadOnlySpan<(string Name, bool IsThere)> required =
            [
                ("layout", Layout is not null), ("id", Id is not null), ("ociVersion", OciVersion is not null),
                ("bundle", Bundle is not null), ("rootfs", Rootfs is not null), ("created", Created is not null),
                ("pid", Pid is not null), ("pidStartTime", PidStartTime is not null), ("bootId", BootId is not null),
            ];
            foreach ((string name, bool isThere) in required)
            {
                if (!isThere)
                {
                    json.ReportMissing(name);
                }
            }
        }

        public RuntimeState ToState() => new()
        {
            Id = Id ?? "",
            OciVersion = OciVersion ?? "",
            Bundle = Bundle ?? "",
            Rootfs = Rootfs ?? "",
            Created = Created ?? default,
            Pid = Pid ?? 0,
            PidStartTime = PidStartTime ?? 0,
            BootId = BootId ?? "",
            Started = Started,
            OwnerUid = OwnerUid,
            CgroupPaths = CgroupPaths,
            NamespacePaths = NamespacePaths,
            Resources = Resources,
            Annotations = Annotations,
        };
    }
}
