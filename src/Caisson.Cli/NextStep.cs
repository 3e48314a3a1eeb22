using Caisson.Client;
using Caisson.Errors;

namespace Caisson.Cli;

/// <summary>The one command that helps after a failure, where there is one.</summary>
internal static class NextStep
{
    /// <param name="failure">What went wrong.</param>
    /// <param name="path">The command that was asked for.</param>
    public static string? For(Exception failure, string path) => failure switch
    {
        EngineException { Status: 404 } e when IsAboutImage(e.Message)
            => "Run 'caisson images' to see what there is, or 'caisson image bootstrap busybox' to make an image from this host",
        EngineException { Status: 404 } e when e.Message.StartsWith("network ", StringComparison.Ordinal)
            => "Run 'caisson network ls' to see all networks",
        EngineException { Status: 404 } e when e.Message.EndsWith("no such volume", StringComparison.Ordinal)
            => "Run 'caisson volume ls' to see all volumes",
        EngineException { Status: 404 } e when e.Message.Contains("container", StringComparison.OrdinalIgnoreCase)
            => "Run 'caisson ps -a' to see all containers",
        CaissonException { Kind: ErrorKind.Unavailable } when failure is not EngineException
            => "Run 'caisson engine logs' to see what the engine says",
        EngineException { Status: 400 } when path.Length > 0
            => $"Run 'caisson {path} --help' for more information",
        _ => null,
    };

    private static bool IsAboutImage(string message) => message.Contains("image", StringComparison.OrdinalIgnoreCase);
}
