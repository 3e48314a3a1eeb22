namespace Caisson.Build.Plans;

/// <summary>The arguments that every build has, and those that steps may use without a declaration.</summary>
/// <remarks>Source: Dockerfile reference, "Automatic platform ARGs", "Predefined ARGs".</remarks>
public static class PlatformArguments
{
    /// <summary>Usable by steps without <c>ARG</c>, and not part of what is cached.</summary>
    public static IReadOnlyList<string> Proxies { get; } =
        ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"];

    /// <summary>Known to the builder itself.</summary>
    public static IReadOnlyList<string> OfBuilder { get; } = ["SOURCE_DATE_EPOCH", "BUILDKIT_INLINE_CACHE", "BUILDKIT_SYNTAX", "BUILDKIT_CONTEXT_KEEP_GIT_DIR", "BUILDKIT_MULTI_PLATFORM"];

    internal static Dictionary<string, string?> For(BuildOptions options)
    {
        Dictionary<string, string?> all = [];
        Add("BUILD", options.BuildPlatform);
        Add("TARGET", options.TargetPlatform ?? options.BuildPlatform);
        all["TARGETSTAGE"] = string.IsNullOrEmpty(options.Target) ? "default" : options.Target;
        return all;

        void Add(string prefix, string platform)
        {
            string[] parts = platform.Split('/');
            all[prefix + "PLATFORM"] = platform;
            all[prefix + "OS"] = parts[0];
            all[prefix + "ARCH"] = parts.ElementAtOrDefault(1) ?? "";
            all[prefix + "VARIANT"] = parts.ElementAtOrDefault(2) ?? "";
        }
    }
}
