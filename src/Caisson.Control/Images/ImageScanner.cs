using System.Text.Json;
using System.Text.Json.Serialization;

using Caisson.Errors;
using Caisson.Images;
using Caisson.Oci;
using Caisson.Scan;

namespace Caisson.Control.Images;

/// <summary>Which findings keep an image from running: the file <c>scan.json</c> in the engine's root directory.</summary>
public sealed record ScanPolicy
{
    /// <summary>The least severity that is refused: <c>low</c>, <c>medium</c>, <c>high</c> or <c>critical</c>.</summary>
    public required string FailOn { get; init; }

    /// <summary>Directories of vulnerability data; null for <c>scan</c> in the engine's root directory.</summary>
    public IReadOnlyList<string>? Databases { get; init; }

    /// <summary>Ids of vulnerabilities that were judged and accepted.</summary>
    public IReadOnlyList<string> Ignore { get => field ?? []; init; }
}

/// <summary>Looks into images: what is in them, what is known about that, and whether they may run.</summary>
/// <remarks>For several threads. What was found out about an image is remembered as long as the engine runs.</remarks>
public sealed class ImageScanner
{
    /// <summary>The policy's name in the engine's root directory.</summary>
    public const string PolicyFileName = "scan.json";

    /// <summary>The directory of vulnerability data in the engine's root directory.</summary>
    public const string DatabaseName = "scan";

    private const int RememberedMax = 64;

    private readonly string _root;
    private readonly ImageStore _store;
    private readonly TimeProvider _time;
    private readonly Lock _sync = new();
    private readonly Dictionary<Digest, Inventory> _inventories = [];
    private readonly Dictionary<(Digest, string), ScanReport> _reports = [];

    internal ImageScanner(string root, ImageStore store, TimeProvider time)
    {
        _root = root;
        _store = store;
        _time = time;
    }

    /// <summary>Scans an image.</summary>
    /// <param name="name">As for <see cref="ImageStore.Resolve"/>.</param>
    /// <param name="databases">Directories of data on the engine's machine; none for the engine's own.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: no such image, or no data at all.</exception>
    public async Task<ScanReport> ScanAsync(string name, IReadOnlyList<string> databases, CancellationToken cancellation)
    {
        Image image = _store.Resolve(name);
        return await ScanAsync(name, image, OpenDatabase(databases), cancellation);
    }

    /// <summary>Writes what is in an image as a bill of materials.</summary>
    /// <param name="name">As for <see cref="ImageStore.Resolve"/>.</param>
    /// <param name="format"><c>spdx</c> or <c>cyclonedx</c>.</param>
    /// <param name="cancellation">Ends the work.</param>
    public async Task<byte[]> WriteSbomAsync(string name, string format, CancellationToken cancellation)
    {
        Image image = _store.Resolve(name);
        Inventory inventory = await ReadAsync(image, cancellation);
        return SbomWriter.Write(format, name, image.ManifestDigest, inventory, image.Config.Created ?? image.Record.Added);
    }

    /// <summary>Refuses an image whose findings the policy does not allow; without a policy nothing is looked at.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.PermissionDenied"/>: with the findings; others: it could not be found out.</exception>
    public async Task RequireAsync(string name, Image image, CancellationToken cancellation)
    {
        if (ReadPolicy() is not { } policy)
        {
            return;
        }
        var limit = Severities.Parse(policy.FailOn);
        ScanReport report = await ScanAsync(name, image, OpenDatabase(policy.Databases ?? []), cancellation);
        IReadOnlyList<Finding> refused = report.Refused(limit, [.. policy.Ignore]);
        if (refused.Count > 0)
        {
            string some = string.Join(", ", refused.Take(5).Select(finding => $"{finding.Id} ({finding.Package} {finding.Installed})"));
            throw new CaissonException(ErrorKind.PermissionDenied,
                $"image {name} has {refused.Count} findings of severity {policy.FailOn} or worse, or unknown: {some}{(refused.Count > 5 ? ", …" : "")}; see caisson image scan {name}");
        }
    }

    private async Task<ScanReport> ScanAsync(string name, Image image, VulnerabilityDatabase database, CancellationToken cancellation)
    {
        var key = (image.ManifestDigest, database.Stamp);
        lock (_sync)
        {
            if (_reports.TryGetValue(key, out ScanReport? known))
            {
                return known with { Image = name };
            }
        }
        Inventory inventory = await ReadAsync(image, cancellation);
        ScanReport report = await Task.Run(() => ImageScan.Run(name, image.ManifestDigest, inventory, database, _time.GetUtcNow(), cancellation), cancellation);
        lock (_sync)
        {
            Remember(_reports, key, report);
        }
        return report;
    }

    private async Task<Inventory> ReadAsync(Image image, CancellationToken cancellation)
    {
        lock (_sync)
        {
            if (_inventories.TryGetValue(image.ManifestDigest, out Inventory? known))
            {
                return known;
            }
        }
        await _store.EnsureUnpackedAsync(image, cancellation: cancellation);
        Inventory inventory = await Task.Run(() => _store.Look(image, root => InventoryReader.Read(root, cancellation)), cancellation);
        lock (_sync)
        {
            Remember(_inventories, image.ManifestDigest, inventory);
        }
        return inventory;
    }

    private VulnerabilityDatabase OpenDatabase(IReadOnlyList<string> directories)
    {
        if (directories.FirstOrDefault(directory => !Path.IsPathFullyQualified(directory)) is { } relative)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"open vulnerability data {relative}: a directory of the engine's machine is given by its full path");
        }
        string own = Path.Join(_root, DatabaseName);
        return directories.Count > 0 || Directory.Exists(own)
            ? VulnerabilityDatabase.Open(directories.Count > 0 ? directories : [own])
            : throw new CaissonException(ErrorKind.NotFound,
                $"there is no vulnerability data: put OSV records, package indexes or changelogs into {own}, or name a directory with --db (of a Debian host: /var/lib/apt/lists)");
    }

    private ScanPolicy? ReadPolicy()
    {
        string path = Path.Join(_root, PolicyFileName);
        try
        {
            return File.Exists(path)
                ? JsonSerializer.Deserialize(File.ReadAllBytes(path), ScanPolicyJson.Default.ScanPolicy)
                    ?? throw new CaissonException(ErrorKind.FailedPrecondition, $"read the scan policy {path}: it is empty; no image runs without it")
                : null;
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"read the scan policy {path}: {error.Message.TrimEnd('.')}; no image runs without it", error);
        }
    }

    private static void Remember<TKey, TValue>(Dictionary<TKey, TValue> known, TKey key, TValue value) where TKey : notnull
    {
        if (known.Count >= RememberedMax)
        {
            known.Clear();
        }
        known[key] = value;
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(ScanPolicy))]
internal sealed partial class ScanPolicyJson : JsonSerializerContext;
