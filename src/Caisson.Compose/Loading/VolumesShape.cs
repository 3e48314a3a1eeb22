using Caisson.Documents;
using Caisson.Errors;

namespace Caisson.Compose.Loading;

/// <summary>Mounts of a service: <c>[source:]target[:options]</c> or the long form. Source: Compose Specification, "volumes".</summary>
internal sealed class VolumesShape : Shape
{
    private static readonly ObjectShape Long = new(ObjectShape.Fields(
        ("type", ScalarShape.Choice("bind", "volume", "tmpfs", "image", "npipe", "cluster")), ("source", ScalarShape.Text), ("target", ScalarShape.Text), ("read_only", ScalarShape.Flag),
        ("consistency", ScalarShape.Text),
        ("bind", new ObjectShape(ObjectShape.Fields(
            ("propagation", ScalarShape.Choice("private", "rprivate", "shared", "rshared", "slave", "rslave")), ("create_host_path", ScalarShape.Flag),
            ("recursive", ScalarShape.Choice("enabled", "disabled", "writable", "readonly")), ("selinux", ScalarShape.Choice("z", "Z"))))),
        ("volume", new ObjectShape(ObjectShape.Fields(("nocopy", ScalarShape.Flag), ("subpath", ScalarShape.Text), ("labels", PairsShape.Labels)))),
        ("tmpfs", new ObjectShape(ObjectShape.Fields(("size", ScalarShape.Bytes), ("mode", ScalarShape.Mode)))),
        ("image", new ObjectShape(ObjectShape.Fields(("subpath", ScalarShape.Text))))))
    {
        Required = ["type"],
        Short = ReadShort,
        Complete = Check,
    };

    private static readonly ListShape List = new(Long);

    protected override DocumentNode? ReadValue(DocumentNode node, string path, Reading reading) => List.Read(node, path, reading);

    private static MappingNode? Check(MappingNode mount, string path, Reading reading)
    {
        string target = mount.Text("target");
        if (!target.StartsWith('/'))
        {
            reading.Problems.Add(mount.Problem($"{path}: target must be an absolute path" + (target.Length > 0 ? $", and is '{target}'" : "")));
            return null;
        }
        mount = mount.With("target", ScalarNode.Of(target.Length > 1 ? target.TrimEnd('/') : target, mount.Position));
        string source = mount.Text("source");
        if (mount.Text("type") == "bind")
        {
            if (source.Length == 0)
            {
                reading.Problems.Add(mount.Problem($"{path}: a bind needs a source"));
                return null;
            }
            return mount.With("source", ScalarNode.Of(reading.Resolve(source), mount["source"]!.Position));
        }
        if (mount.Text("type") is "npipe" or "cluster")
        {
            reading.Problems.Add(mount.Problem($"{path}: mounts of type {mount.Text("type")} do not exist on Linux hosts; use bind, volume, tmpfs or image"));
            return null;
        }
        return mount;
    }

    private static MappingNode? ReadShort(ScalarNode scalar, string path, Reading reading)
    {
        string[] parts = scalar.Text.Split(':');
        if (parts.Length > 3 || parts.Any(part => part.Length == 0))
        {
            return Refuse(scalar, path, "write [source:]target[:options]", reading);
        }
        string target = parts.Length == 1 ? parts[0] : parts[1];
        if (!target.StartsWith('/'))
        {
            return Refuse(scalar, path, $"target '{target}' must be an absolute path", reading);
        }
        var at = scalar.Position;
        string source = parts.Length == 1 ? "" : parts[0];
        bool bind = source.StartsWith('/') || source.StartsWith('.') || source.StartsWith('~');
        var mount = new MappingNode([new("type", at, ScalarNode.Of(bind ? "bind" : "volume", at))], at);
        if (source.Length > 0)
        {
            mount = mount.With("source", ScalarNode.Of(bind ? reading.Resolve(source) : source, at));
        }
        mount = mount.With("target", ScalarNode.Of(target.Length > 1 ? target.TrimEnd('/') : target, at));
        var options = new MappingNode([], at);
        if (bind)
        {
            options = options.With("create_host_path", ScalarNode.Of(true, at));
        }
        foreach (string option in parts.Length == 3 ? parts[2].Split(',') : [])
        {
            switch (option)
            {
                case "rw" or "cached" or "delegated" or "consistent":
                    break;
                case "ro":
                    mount = mount.With("read_only", ScalarNode.Of(true, at));
                    break;
                case "z" or "Z" when bind:
                    options = options.With("selinux", ScalarNode.Of(option, at));
                    break;
                case "z" or "Z":
                    break;
                case "private" or "rprivate" or "shared" or "rshared" or "slave" or "rslave" when bind:
                    options = options.With("propagation", ScalarNode.Of(option, at));
                    break;
                case "nocopy" when !bind:
                    options = options.With("nocopy", ScalarNode.Of(true, at));
                    break;
                case "copy" when !bind:
                    break;
                default:
                    return Refuse(scalar, path, $"unknown option '{option}'{Spelling.Hint(option, ["ro", "rw", "nocopy", "rprivate", "rshared", "rslave"])}", reading);
            }
        }
        return mount.With(bind ? "bind" : "volume", options);
    }

    private static MappingNode? Refuse(ScalarNode scalar, string path, string why, Reading reading)
    {
        reading.Problems.Add(scalar.Problem($"{path}: '{scalar.Text}' is no mount: {why}"));
        return null;
    }
}
