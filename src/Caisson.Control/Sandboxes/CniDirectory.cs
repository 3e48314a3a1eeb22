using Caisson.Errors;

namespace Caisson.Control.Sandboxes;

/// <summary>Where networks of pods are configured, and where their plugins are.</summary>
/// <param name="Configurations">Read each time, so a network that comes later counts at once. Usually <c>/etc/cni/net.d</c>.</param>
/// <param name="Plugins">Searched in this order.</param>
/// <param name="OwnNetwork">Pods are in a network of the engine, and no plugin is called.</param>
public sealed record CniDirectory(string Configurations, IReadOnlyList<string> Plugins, bool OwnNetwork = false)
{
    /// <summary>The usual places; Debian has the plugins in the second.</summary>
    public static CniDirectory Usual { get; } = new("/etc/cni/net.d", ["/opt/cni/bin", "/usr/lib/cni"]);

    private static readonly string[] Extensions = [".conf", ".conflist", ".json"];

    /// <summary>The first network by the name of its file; a file that cannot be used is not passed over in silence.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: there is none, it cannot be used, or a plugin is not installed.</exception>
    internal CniNetwork Load()
    {
        string? path = Directory.Exists(Configurations)
            ? Directory.EnumerateFiles(Configurations).Where(file => Extensions.Contains(Path.GetExtension(file))).Order(StringComparer.Ordinal).FirstOrDefault()
            : null;
        if (path is null)
        {
            throw new CaissonException(
                ErrorKind.FailedPrecondition, $"no network is configured in {Configurations}; install a network add-on of the cluster, or start the engine with --cri-network=caisson");
        }
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"the network configuration {path} cannot be read: {error.Message}", error);
        }
        CniNetwork network = CniNetwork.Parse(text, path);
        foreach (CniNetwork.Plugin plugin in network.Plugins)
        {
            _ = ProgramOf(plugin.Type);
        }
        return network;
    }

    /// <summary>The program of a plugin.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: it is in none of the directories.</exception>
    internal string ProgramOf(string type) => Plugins.Select(directory => $"{directory}/{type}").FirstOrDefault(File.Exists)
        ?? throw new CaissonException(
            ErrorKind.FailedPrecondition, $"the network plugin {type} is not in {string.Join(" or ", Plugins)}; install it (Debian: apt-get install containernetworking-plugins)");
}
