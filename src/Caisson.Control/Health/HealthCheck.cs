using System.Globalization;
using System.Net;

using Caisson.Errors;
using Caisson.Oci;

namespace Caisson.Control.Health;

/// <summary>What a check does.</summary>
public abstract record HealthProbe
{
    private HealthProbe() { }

    /// <summary>Runs a program in the container; 0 is success.</summary>
    public sealed record Command(IReadOnlyList<string> Args) : HealthProbe;

    /// <summary>Sends a GET from within the container's network; any answer of 200 to 399 is success.</summary>
    /// <param name="Endpoints">Where to, tried in order.</param>
    /// <param name="Host">The header.</param>
    /// <param name="Target">Path and query.</param>
    public sealed record Http(IReadOnlyList<IPEndPoint> Endpoints, string Host, string Target) : HealthProbe;

    /// <summary>Connects from within the container's network; a connection is success.</summary>
    /// <param name="Endpoints">Where to, tried in order.</param>
    public sealed record Tcp(IReadOnlyList<IPEndPoint> Endpoints) : HealthProbe;
}

/// <summary>How and how often a container is checked, with the defaults filled in.</summary>
/// <remarks>
/// Pure. Source: moby image spec v1.2, "Healthcheck"; the kinds <c>["HTTP", URL]</c> and <c>["TCP", [HOST:]PORT]</c> are our own: the engine
/// makes these checks, so the image needs no program for them.
/// </remarks>
public sealed record HealthCheck
{
    /// <summary>The label of an image or container that asks for <c>["HTTP", value]</c> where no other check is given.</summary>
    public const string HttpLabel = "caisson.health.http";

    /// <summary>The label of an image or container that asks for <c>["TCP", value]</c> where no other check is given.</summary>
    public const string TcpLabel = "caisson.health.tcp";

    private const long MillisecondNs = 1_000_000;

    /// <summary>What is done.</summary>
    public required HealthProbe Probe { get; init; }

    /// <summary>Between the end of one check and the next.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The longest a check may take.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>From the start: while nothing has succeeded yet, failures do not count.</summary>
    public TimeSpan StartPeriod { get; init; }

    /// <summary>Instead of <see cref="Interval"/> in the start period, while nothing has succeeded yet.</summary>
    public TimeSpan StartInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Failures in a row that make it unhealthy.</summary>
    public int Retries { get; init; } = 3;

    /// <summary>The image's settings with those asked for over them, member by member; a label where neither has a test.</summary>
    public static HealthcheckConfig? Merge(HealthcheckConfig? asked, HealthcheckConfig? image, IReadOnlyDictionary<string, string> labels)
    {
        IReadOnlyList<string>? test = asked?.Test is { Count: > 0 } own ? own
            : image?.Test is { Count: > 0 } inherited ? inherited
            : labels.TryGetValue(HttpLabel, out string? url) ? ["HTTP", url]
            : labels.TryGetValue(TcpLabel, out string? port) ? ["TCP", port]
            : null;
        if (test is null && asked is null && image is null)
        {
            return null;
        }
        return new HealthcheckConfig
        {
            Test = test,
            IntervalNs = First(asked?.IntervalNs, image?.IntervalNs),
            TimeoutNs = First(asked?.TimeoutNs, image?.TimeoutNs),
            StartPeriodNs = First(asked?.StartPeriodNs, image?.StartPeriodNs),
            StartIntervalNs = First(asked?.StartIntervalNs, image?.StartIntervalNs),
            Retries = asked?.Retries is not (null or 0) ? asked.Retries : image?.Retries,
        };

        static long? First(long? one, long? other) => one is not (null or 0) ? one : other;
    }

    /// <summary>Reads a configuration; null when there is nothing to check.</summary>
    /// <param name="config">As merged; null for none.</param>
    /// <param name="shell">The shell of <c>CMD-SHELL</c>; null for <c>/bin/sh -c</c>.</param>
    /// <param name="problems">Receives what is wrong.</param>
    public static HealthCheck? Read(HealthcheckConfig? config, IReadOnlyList<string>? shell, ICollection<Problem> problems)
    {
        if (config?.Test is not { Count: > 0 } test || test[0] == "NONE")
        {
            return null;
        }
        HealthProbe? probe = test[0] switch
        {
            "CMD" when test.Count > 1 => new HealthProbe.Command([.. test.Skip(1)]),
            "CMD-SHELL" when test.Count == 2 => new HealthProbe.Command([.. shell is { Count: > 0 } ? shell : ["/bin/sh", "-c"], test[1]]),
            "HTTP" when test.Count == 2 => ReadHttp(test[1], problems),
            "TCP" when test.Count == 2 => ReadTcp(test[1], problems),
            "CMD" or "CMD-SHELL" or "HTTP" or "TCP" => Refuse($"a check of kind {test[0]} with {test.Count - 1} arguments; {(test[0] == "CMD" ? "it needs a program" : "it needs one")}"),
            var kind => Refuse($"unknown type of health check '{kind}'; NONE, CMD, CMD-SHELL, HTTP and TCP are known"),
        };
        Check(config.IntervalNs, "Interval");
        Check(config.TimeoutNs, "Timeout");
        Check(config.StartPeriodNs, "StartPeriod");
        Check(config.StartIntervalNs, "StartInterval");
        if (config.Retries < 0)
        {
            problems.Add(new("/Healthcheck/Retries", "Retries in Healthcheck cannot be negative"));
        }
        if (probe is null)
        {
            return null;
        }
        var defaults = new HealthCheck { Probe = probe };
        return defaults with
        {
            Interval = Duration(config.IntervalNs, defaults.Interval),
            Timeout = Duration(config.TimeoutNs, defaults.Timeout),
            StartPeriod = Duration(config.StartPeriodNs, defaults.StartPeriod),
            StartInterval = Duration(config.StartIntervalNs, defaults.StartInterval),
            Retries = config.Retries is > 0 and { } retries ? retries : defaults.Retries,
        };

        HealthProbe? Refuse(string message)
        {
            problems.Add(new("/Healthcheck/Test", message));
            return null;
        }

        void Check(long? value, string member)
        {
            if (value is not null and not 0 and < MillisecondNs)
            {
                problems.Add(new($"/Healthcheck/{member}", $"{member} in Healthcheck cannot be less than 1ms"));
            }
        }

        static TimeSpan Duration(long? nanoseconds, TimeSpan otherwise) =>
            nanoseconds is > 0 and { } value ? TimeSpan.FromTicks(value / TimeSpan.NanosecondsPerTick) : otherwise;
    }

    /// <summary><c>http://[HOST][:PORT][/PATH]</c>; HOST is an address, or empty or <c>localhost</c> for the container itself.</summary>
    private static HealthProbe.Http? ReadHttp(string url, ICollection<Problem> problems)
    {
        const string scheme = "http://";
        if (url.StartsWith("https://", StringComparison.OrdinalIgnoreCase))
        {
            problems.Add(new("/Healthcheck/Test", $"health check {url}: https is not supported; check the port with TCP, or run a command"));
            return null;
        }
        if (!url.StartsWith(scheme, StringComparison.OrdinalIgnoreCase) || url.Any(c => c <= ' ' || c > '~'))
        {
            problems.Add(new("/Healthcheck/Test", $"health check {url}: not an address of the form http://[HOST][:PORT]/PATH"));
            return null;
        }
        string rest = url[scheme.Length..];
        int slash = rest.IndexOfAny(['/', '?', '#']);
        string authority = slash < 0 ? rest : rest[..slash];
        string target = slash < 0 ? "/" : rest[slash..].Split('#')[0];
        if (!target.StartsWith('/'))
        {
            target = "/" + target;
        }
        return ReadEndpoints(authority.Length == 0 || authority.EndsWith(']') || !authority.Contains(':', StringComparison.Ordinal) ? authority + ":80" : authority, url, problems) is { } endpoints
            ? new HealthProbe.Http(endpoints, authority.Length == 0 || authority[0] == ':' ? "localhost" + authority : authority, target)
            : null;
    }

    private static HealthProbe.Tcp? ReadTcp(string place, ICollection<Problem> problems) =>
        ReadEndpoints(place.Contains(':', StringComparison.Ordinal) ? place : ":" + place, place, problems) is { } endpoints ? new HealthProbe.Tcp(endpoints) : null;

    private static IReadOnlyList<IPEndPoint>? ReadEndpoints(string authority, string whole, ICollection<Problem> problems)
    {
        int colon = authority.LastIndexOf(':');
        string host = authority[..colon];
        if (!ushort.TryParse(authority.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) || port == 0)
        {
            problems.Add(new("/Healthcheck/Test", $"health check {whole}: '{authority[(colon + 1)..]}' is not a port"));
            return null;
        }
        if (host is "" or "localhost")
        {
            return [new IPEndPoint(IPAddress.Loopback, port), new IPEndPoint(IPAddress.IPv6Loopback, port)];
        }
        bool bracketed = host.StartsWith('[') && host.EndsWith(']');
        if (IPAddress.TryParse(bracketed ? host[1..^1] : host, out IPAddress? address)
            && (address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6) == bracketed)
        {
            return [new IPEndPoint(address, port)];
        }
        problems.Add(new("/Healthcheck/Test", $"health check {whole}: '{host}' is not an address; leave it out for the container itself"));
        return null;
    }
}
