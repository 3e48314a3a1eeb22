using Caisson.Client.Http;
using Caisson.Client.Images;
using Caisson.Errors;

namespace Caisson.Cli.Building;

/// <summary>Sends a build to the engine: files, Dockerfile, secrets.</summary>
internal static class ImageBuilds
{
    /// <summary>Builds a directory.</summary>
    /// <param name="session">Of the command.</param>
    /// <param name="asked">What is asked for; its Dockerfile is set here.</param>
    /// <param name="directory">The context.</param>
    /// <param name="dockerfile">A path on this host; null for the one in the context.</param>
    /// <param name="dockerfileText">The Dockerfile itself; null for a file.</param>
    /// <param name="secrets">By id.</param>
    /// <param name="display">Shows how it goes.</param>
    /// <returns>The image's id.</returns>
    public static string Build(
        Session session, BuildQuery asked, string directory, string? dockerfile, string? dockerfileText, IReadOnlyDictionary<string, byte[]> secrets, BuildDisplay display)
    {
        if (IsRemote(directory))
        {
            return Build(session, asked with { Remote = directory }, dockerfile is null ? "Dockerfile" : Path.GetRelativePath(directory, dockerfile), secrets, display);
        }
        string root = Path.GetFullPath(directory);
        if (!Directory.Exists(root))
        {
            throw new CaissonException(ErrorKind.NotFound, $"unable to prepare context: path \"{directory}\" not found");
        }
        // A name that nothing in the context can have, for what is sent beside it.
        string aside = $".caisson-{Guid.NewGuid():N}";
        string name = Name(root, dockerfile, ref dockerfileText) ?? "Dockerfile";
        var archive = new ContextArchive(root, name);
        if (dockerfileText is not null)
        {
            archive.Extra[$"{aside}/Dockerfile"] = System.Text.Encoding.UTF8.GetBytes(dockerfileText);
        }
        foreach ((string id, byte[] content) in secrets)
        {
            archive.Extra[$"{aside}/secrets/{id}"] = content;
        }
        HostDirectory? here = HostDirectory.TryDescribe(root);
        if (here is not null && session.Engine.CanRead(here))
        {
            asked = asked with { Directory = here };
            archive.OnlyExtra = true;
        }
        asked = asked with { Dockerfile = name, Aside = archive.Extra.Count > 0 ? aside : "" };
        using HttpResponse response = session.Engine.BuildImage(asked, archive.Write);
        return display.Show(response.Body);
    }

    /// <summary>True for a context that is an address.</summary>
    public static bool IsRemote(string context) => ((string[])["https://", "http://", "git://", "ssh://", "git@", "github.com/"])
        .Any(start => context.StartsWith(start, StringComparison.OrdinalIgnoreCase)) && !Directory.Exists(context);

    /// <summary>Builds what an address has.</summary>
    /// <param name="session">Of the command.</param>
    /// <param name="asked">What is asked for, with the address.</param>
    /// <param name="dockerfile">The path of the Dockerfile there.</param>
    /// <param name="secrets">By id.</param>
    /// <param name="display">Shows how it goes.</param>
    /// <returns>The image's id.</returns>
    public static string Build(Session session, BuildQuery asked, string dockerfile, IReadOnlyDictionary<string, byte[]> secrets, BuildDisplay display)
    {
        string aside = $".caisson-{Guid.NewGuid():N}";
        var archive = new ContextArchive("/", dockerfile, onlyExtra: true);
        foreach ((string id, byte[] content) in secrets)
        {
            archive.Extra[$"{aside}/secrets/{id}"] = content;
        }
        using HttpResponse response = session.Engine.BuildImage(asked with { Dockerfile = dockerfile, Aside = secrets.Count > 0 ? aside : "" }, archive.Write);
        return display.Show(response.Body);
    }

    /// <summary>The Dockerfile's path in the context; null when it lies elsewhere, and is then read here.</summary>
    private static string? Name(string root, string? dockerfile, ref string? text)
    {
        if (text is not null)
        {
            return null;
        }
        string path = dockerfile is null ? Path.Join(root, "Dockerfile") : Path.GetFullPath(dockerfile);
        if (!File.Exists(path))
        {
            throw new CaissonException(ErrorKind.NotFound, $"failed to read dockerfile: {dockerfile ?? path}: no such file");
        }
        string relative = Path.GetRelativePath(root, path);
        if (relative != ".." && !relative.StartsWith("../", StringComparison.Ordinal) && !Path.IsPathRooted(relative))
        {
            return relative;
        }
        text = File.ReadAllText(path);
        return null;
    }
}
