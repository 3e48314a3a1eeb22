using Caisson.Oci;
using Caisson.Scan.Data;
using Caisson.Scan.Versions;

namespace Caisson.Scan;

/// <summary>Compares what is in an image with what is known about packages.</summary>
public sealed class ImageScan
{
    private readonly Inventory _inventory;
    private readonly VulnerabilityDatabase _database;
    private readonly CancellationToken _cancellation;
    private readonly Dictionary<(string Id, string Type, string Package, string Version), Finding> _findings = [];
    private readonly Dictionary<(string Id, string Type, string Package, string Version), string> _names = [];
    private readonly List<ScanSource> _sources = [];
    private readonly HashSet<string> _covered = new(StringComparer.Ordinal);

    private ImageScan(Inventory inventory, VulnerabilityDatabase database, CancellationToken cancellation)
    {
        _inventory = inventory;
        _database = database;
        _cancellation = cancellation;
    }

    /// <summary>Scans an image.</summary>
    /// <param name="image">As it was named.</param>
    /// <param name="manifest">The digest of its manifest.</param>
    /// <param name="inventory">What is in it.</param>
    /// <param name="database">What is known.</param>
    /// <param name="now">The time.</param>
    /// <param name="cancellation">Ends the work.</param>
    public static ScanReport Run(
        string image, Digest manifest, Inventory inventory, VulnerabilityDatabase database, DateTimeOffset now, CancellationToken cancellation = default)
    {
        var scan = new ImageScan(inventory, database, cancellation);
        scan.MatchRecords();
        scan.MatchChangelogs();
        List<PendingUpdate> updates = scan.FindUpdates();
        scan.AddSecurityUpdates(updates);
        return new ScanReport
        {
            Image = image,
            Manifest = manifest,
            Scanned = now,
            System = inventory.System,
            Packages = inventory.Packages.Count,
            Findings =
            [
                .. scan._findings.Values
                    .OrderByDescending(finding => finding.Severity)
                    .ThenBy(finding => finding.Package, StringComparer.Ordinal)
                    .ThenBy(finding => finding.Id, StringComparer.Ordinal)
                    .ThenBy(finding => finding.Installed, StringComparer.Ordinal),
            ],
            Updates = updates,
            Sources = scan._sources,
            Unknown =
            [
                .. inventory.Packages.Where(package => !scan._covered.Contains(package.Type)).GroupBy(package => package.Type)
                    .Select(group => $"{group.Count()} packages of type {group.Key}: there is no data about such packages{(group.First().IsSystem && inventory.System is { } system ? $" of {system.PrettyName}" : "")}"),
            ],
            Problems = [.. inventory.Problems, .. database.Problems],
        };
    }

    private void MatchRecords()
    {
        ILookup<string, Package> byName = _inventory.Packages.ToLookup(package => Ecosystem.Subject(package).Name, StringComparer.Ordinal);
        ILookup<string, Package> byRpmName = _inventory.Packages.Where(package => package.Type == "rpm").ToLookup(package => package.SourceName, StringComparer.Ordinal);
        string[] types = [.. _inventory.Packages.Select(package => package.Type).Distinct()];
        int records = 0;
        DateTimeOffset? newest = null;
        foreach (OsvRecord record in _database.Records(_cancellation).Where(record => record.Withdrawn is null))
        {
            records++;
            newest = newest is null || record.Modified > newest ? record.Modified ?? newest : newest;
            foreach (OsvAffected affected in record.Affected ?? [])
            {
                if (affected.Package is not { Ecosystem: { } ecosystem, Name: { } name })
                {
                    continue;
                }
                foreach (string type in types.Where(type => Ecosystem.Covers(ecosystem, type, _inventory.System)))
                {
                    _covered.Add(type);
                    string subject = type == "pypi" ? name.ToLowerInvariant().Replace('_', '-').Replace('.', '-') : name;
                    IEnumerable<Package> packages = byName[subject].Where(package => package.Type == type);
                    foreach (Package package in type == "rpm" ? packages.Union(byRpmName[subject]) : packages)
                    {
                        Match(record, affected, package);
                    }
                }
            }
        }
        if (_database.RecordFiles > 0)
        {
            _sources.Add(new ScanSource("osv", $"{records} records", newest));
        }
    }

    private void Match(OsvRecord record, OsvAffected affected, Package package)
    {
        string version = Ecosystem.Subject(package).Version;
        if (affected.Affects(version, Ecosystem.OrderOf(package.Type), out string? fixedIn))
        {
            Add(new Finding
            {
                Id = record.Id!,
                Aliases = [.. (record.Aliases ?? []).Concat(record.Upstream ?? []).Distinct(StringComparer.Ordinal)],
                Package = package.Name,
                Type = package.Type,
                Installed = package.Version,
                FixedIn = fixedIn,
                Severity = record.SeverityOf(affected),
                Summary = record.Summary ?? FirstLine(record.Details),
                Source = "osv",
                Location = package.Location,
            });
        }
    }

    /// <summary>A changelog that is newer than the package names what the newer versions fix.</summary>
    private void MatchChangelogs()
    {
        ILookup<string, Package> bySource = _inventory.Packages.Where(package => package.Type == "deb").ToLookup(package => package.SourceName, StringComparer.Ordinal);
        HashSet<string> done = new(_inventory.Changelogs.SelectMany(entry => entry.Vulnerabilities.Select(id => $"{entry.Source} {id}")), StringComparer.Ordinal);
        int used = 0;

        // Oldest first: the first version that names a vulnerability is the one that fixes it.
        foreach (ChangelogEntry entry in _database.Changelogs(_cancellation).Where(entry => bySource.Contains(entry.Source))
            .OrderBy(entry => entry.Version, Comparer<string>.Create(DpkgVersion.Compare)))
        {
            used++;
            _covered.Add("deb");
            foreach (Package package in bySource[entry.Source].Where(package => DpkgVersion.Compare(package.SourceVersion, entry.Version) < 0))
            {
                foreach (string id in entry.Vulnerabilities.Where(id => !done.Contains($"{entry.Source} {id}")))
                {
                    Add(new Finding
                    {
                        Id = id,
                        Package = package.Name,
                        Type = package.Type,
                        Installed = package.Version,
                        FixedIn = entry.Version,
                        Severity = Severities.FromWord(entry.Urgency),
                        Summary = $"fixed in {entry.Source} {entry.Version}, as its changelog says",
                        Source = "changelog",
                        Location = package.Location,
                    });
                }
            }
        }
        if (used > 0)
        {
            _sources.Add(new ScanSource("changelog", $"{used} uploads", null));
        }
    }

    /// <summary>What apt would upgrade: of the versions that are not older than the one there is, the one that ranks highest, then the newest.</summary>
    /// <remarks>Source: apt_preferences(5), "APT's default priority assignments".</remarks>
    private List<PendingUpdate> FindUpdates()
    {
        Package[] installed = [.. _inventory.Packages.Where(package => package.Type == "deb")];
        HashSet<string> names = new(installed.Select(package => package.Name), StringComparer.Ordinal);
        string native = installed.FirstOrDefault(package => package.Name == "dpkg")?.Architecture
            ?? installed.Select(package => package.Architecture).FirstOrDefault(architecture => architecture is not (null or "all")) ?? "all";
        Dictionary<(string, string), (int Priority, string Version, DebianIndex? Index)> candidates = [];
        foreach (Package package in installed)
        {
            candidates[Key(package.Name, package.Architecture)] = (100, package.Version, null);
        }
        Dictionary<(string, string), string> present = candidates.ToDictionary(pair => pair.Key, pair => pair.Value.Version);
        foreach (DebianIndex index in _database.Indexes.Where(index => names.Count > 0 && index.IsFor(_inventory.System)))
        {
            _cancellation.ThrowIfCancellationRequested();
            _sources.Add(new ScanSource("index", index.Suite.Length > 0 ? index.Suite : index.Path, index.Date));
            foreach (DebianIndex.Offer offer in _database.Offers(index, names))
            {
                _covered.Add("deb");
                var key = Key(offer.Name, offer.Architecture);
                if (!candidates.TryGetValue(key, out var best) || DpkgVersion.Compare(offer.Version, present[key]) < 0)
                {
                    continue;
                }
                int newer = DpkgVersion.Compare(offer.Version, best.Version);
                if (index.Priority > best.Priority || (index.Priority == best.Priority && newer > 0)
                    || (index.Priority == best.Priority && newer == 0 && index.IsSecurity && best.Index is { IsSecurity: false }))
                {
                    candidates[key] = (index.Priority, offer.Version, index);
                }
            }
        }
        return
        [
            .. installed.Select(package => (package, best: candidates[Key(package.Name, package.Architecture)]))
                .Where(pair => pair.best.Index is not null && DpkgVersion.Compare(pair.best.Version, pair.package.Version) > 0)
                .Select(pair => new PendingUpdate(
                    pair.package.Name, pair.package.Architecture ?? native, pair.package.Version, pair.best.Version, pair.best.Index!.Suite, pair.best.Index.IsSecurity)),
        ];

        (string, string) Key(string name, string? architecture) => (name, architecture is null or "all" ? native : architecture);
    }

    /// <summary>An update of the security archive is a finding by itself where nothing says what it fixes.</summary>
    private void AddSecurityUpdates(List<PendingUpdate> updates)
    {
        HashSet<string> explained = [.. _findings.Values.Where(finding => finding.Type == "deb" && finding.FixedIn is not null).Select(finding => finding.Package)];
        foreach (PendingUpdate update in updates.Where(update => update.IsSecurity && !explained.Contains(update.Package)))
        {
            Add(new Finding
            {
                Id = "security-update",
                Package = update.Package,
                Type = "deb",
                Installed = update.Installed,
                FixedIn = update.Candidate,
                Severity = Severity.Unknown,
                Summary = $"{update.Suite} has a security update; what it fixes is not in the data",
                Source = "archive",
                Location = _inventory.Packages.First(package => package.Type == "deb" && package.Name == update.Package).Location,
            });
        }
    }

    /// <summary>One finding for one vulnerability of one package, whatever names it goes by.</summary>
    private void Add(Finding finding)
    {
        foreach (string id in finding.Aliases.Prepend(finding.Id))
        {
            if (!_names.TryGetValue((id, finding.Type, finding.Package, finding.Installed), out string? main))
            {
                continue;
            }
            var key = (main, finding.Type, finding.Package, finding.Installed);
            Finding same = _findings[key];
            Remember(_findings[key] = same with
            {
                Aliases = [.. same.Aliases.Union(finding.Aliases).Union([finding.Id]).Where(alias => alias != same.Id)],
                Severity = same.Severity > finding.Severity ? same.Severity : finding.Severity,
                FixedIn = same.FixedIn ?? finding.FixedIn,
            });
            return;
        }
        _findings.Add((finding.Id, finding.Type, finding.Package, finding.Installed), finding);
        Remember(finding);
    }

    private void Remember(Finding finding)
    {
        foreach (string id in finding.Aliases.Prepend(finding.Id))
        {
            _names.TryAdd((id, finding.Type, finding.Package, finding.Installed), finding.Id);
        }
    }

    private static string? FirstLine(string? text)
    {
        string? line = text?.Split('\n')[0].Trim();
        return line is { Length: > 200 } ? line[..200] : line;
    }
}
