using System.Formats.Tar;
using System.Globalization;
using System.Text;

using Caisson.Client;
using Caisson.Documents;
using Caisson.Compose.Model;

namespace Caisson.Compose.Running;

/// <summary>Secrets and configs that are no files of the host: their content goes into the container before it starts.</summary>
internal static class FileContents
{
    public static void Put(EngineClient engine, ComposeProject project, ComposeService service, string container, Func<string, string?> variable)
    {
        var files = new List<(DocumentNode Reference, string Content)>();
        foreach (var (kind, resources) in ((string, IReadOnlyDictionary<string, ComposeResource>)[])[("secrets", project.Secrets), ("configs", project.Configs)])
        {
            foreach (var reference in service.Definition[kind].Items())
            {
                if (resources.TryGetValue(reference.Text("source"), out var resource) && !resource.IsExternal && resource.Definition["file"] is null)
                {
                    files.Add((reference, ContentOf(resource, project, variable)));
                }
            }
        }
        if (files.Count > 0)
        {
            engine.PutArchive(container, "/", output => Write(output, files), copyOwners: true);
        }
    }

    private static string ContentOf(ComposeResource resource, ComposeProject project, Func<string, string?> variable)
    {
        string name = resource.Definition.Text("environment");
        return name.Length == 0 ? resource.Definition.Text("content")
            : variable(name) ?? project.Variables.GetValueOrDefault(name)
            ?? throw new Errors.CaissonException(Errors.ErrorKind.FailedPrecondition, $"{resource.Key}: environment variable \"{name}\" is not set; set it, or use 'file'");
    }

    private static void Write(Stream output, List<(DocumentNode Reference, string Content)> files)
    {
        using var tar = new TarWriter(output, TarEntryFormat.Pax, leaveOpen: true);
        foreach (var (reference, content) in files)
        {
            using var data = new MemoryStream(Encoding.UTF8.GetBytes(content));
            string mode = reference.Text("mode");
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, reference.Text("target").TrimStart('/'))
            {
                DataStream = data,
                Mode = mode.Length > 0 ? (UnixFileMode)Convert.ToInt32(mode, 8) : (UnixFileMode)0x124, // 0444
                Uid = Number(reference.Text("uid")),
                Gid = Number(reference.Text("gid")),
            });
        }
    }

    private static int Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0;
}
