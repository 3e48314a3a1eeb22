using System.Collections.Immutable;
using System.Collections.ObjectModel;
using Caisson.Oci.Json;

namespace Caisson.Oci.Runtime;

/// <summary>Reads <c>config.json</c>, one method for each object of the specification; unknown keys are ignored, as it demands.</summary>
internal static partial class RuntimeSpecReader
{
    public static RuntimeSpec Spec(ref JsonCursor json)
    {
        string? version = null;
        string? hostname = null;
        string? domainname = null;
        Root? root = null;
        Process? process = null;
        LinuxConfig? linux = null;
        var hooks = new Hooks();
        ImmutableArray<Mount> mounts = [];
        IReadOnlyDictionary<string, string> annotations = ReadOnlyDictionary<string, string>.Empty;

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "ociVersion": version = json.Text(); break;
                case "root": root = Root(ref json); break;
                case "process": process = Process(ref json); break;
                case "hostname": hostname = TextOrNull(ref json); break;
                case "domainname": domainname = TextOrNull(ref json); break;
                case "mounts": mounts = json.Array(Mount); break;
                case "hooks": hooks = Hooks(ref json); break;
                case "annotations": annotations = json.TextMap(); break;
                case "linux": linux = Linux(ref json); break;
                default: json.Skip(); break;
            }
        }
        if (entered && version is null)
        {
            json.ReportMissing("ociVersion");
        }
        return new RuntimeSpec
        {
            OciVersion = version ?? "",
            Root = root,
            Process = process,
            Hostname = hostname,
            Domainname = domainname,
            Mounts = mounts,
            Hooks = hooks,
            Annotations = annotations,
            Linux = linux,
        };
    }

    /// <summary>An empty string says as little as an absent one wherever the Go types omit empty values.</summary>
    private static string? TextOrNull(ref JsonCursor json) => json.Text() is { Length: > 0 } text ? text : null;

    private static Root Root(ref JsonCursor json)
    {
        string? path = null;
        bool isReadonly = false;

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "path": path = json.Text(); break;
                case "readonly": isReadonly = json.Flag(); break;
                default: json.Skip(); break;
            }
        }
        if (entered && path is null)
        {
            json.ReportMissing("path");
        }
        return new Root { Path = path ?? "", Readonly = isReadonly };
    }

    private static Mount Mount(ref JsonCursor json)
    {
        string? destination = null;
        string? type = null;
        string? source = null;
        ImmutableArray<string> options = [];
        ImmutableArray<IdMapping> uids = [];
        ImmutableArray<IdMapping> gids = [];

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "destination": destination = json.Text(); break;
                case "type": type = TextOrNull(ref json); break;
                case "source": source = TextOrNull(ref json); break;
                case "options": options = json.Texts(); break;
                case "uidMappings": uids = json.Array(IdMapping); break;
                case "gidMappings": gids = json.Array(IdMapping); break;
                default: json.Skip(); break;
            }
        }
        if (entered && destination is null)
        {
            json.ReportMissing("destination");
        }
        return new Mount
        {
            Destination = destination ?? "",
            Type = type,
            Source = source,
            Options = options,
            UidMappings = uids,
            GidMappings = gids,
        };
    }

    private static IdMapping IdMapping(ref JsonCursor json)
    {
        uint? container = null;
        uint? host = null;
        uint? size = null;

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "containerID": container = json.UInt32(); break;
                case "hostID": host = json.UInt32(); break;
                case "size": size = json.UInt32(); break;
                default: json.Skip(); break;
            }
        }
        if (entered)
        {
            Require(ref json, container, "containerID");
            Require(ref json, host, "hostID");
            Require(ref json, size, "size");
        }
        return new IdMapping(container ?? 0, host ?? 0, size ?? 1);
    }

    private static void Require<T>(ref JsonCursor json, T? value, string name) where T : struct
    {
        if (value is null)
        {
            json.ReportMissing(name);
        }
    }

    private static Hooks Hooks(ref JsonCursor json)
    {
        var hooks = new Hooks();
        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "prestart": hooks = hooks with { Prestart = json.Array(Hook) }; break;
                case "createRuntime": hooks = hooks with { CreateRuntime = json.Array(Hook) }; break;
                case "createContainer": hooks = hooks with { CreateContainer = json.Array(Hook) }; break;
                case "startContainer": hooks = hooks with { StartContainer = json.Array(Hook) }; break;
                case "poststart": hooks = hooks with { Poststart = json.Array(Hook) }; break;
                case "poststop": hooks = hooks with { Poststop = json.Array(Hook) }; break;
                default: json.Skip(); break;
            }
        }
        return hooks;
    }

    private static Hook Hook(ref JsonCursor json)
    {
        string? path = null;
        int? timeout = null;
        ImmutableArray<string> args = [];
        ImmutableArray<string> env = [];

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "path": path = json.Text(); break;
                case "args": args = json.Texts(); break;
                case "env": env = json.Texts(); break;
                case "timeout": timeout = (int)json.Integer(1, int.MaxValue); break;
                default: json.Skip(); break;
            }
        }
        if (entered && path is null)
        {
            json.ReportMissing("path");
        }
        return new Hook { Path = path ?? "", Args = args, Env = env, Timeout = timeout };
    }
}
