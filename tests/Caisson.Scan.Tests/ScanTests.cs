using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using System.Text.Json;

using Caisson.Linux;
using Caisson.Oci;

using Xunit;

namespace Caisson.Scan.Tests;

public sealed class ScanTests : IDisposable
{
    private static readonly Digest Manifest = Digest.Of("image"u8);
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly string _directory = Path.Join(Path.GetTempPath(), "caisson-scan-" + Guid.NewGuid().ToString("N"));

    public ScanTests() => Directory.CreateDirectory(Path.Join(_directory, "root"));

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Packages_of_the_system_and_of_languages_are_found()
    {
        Debian();
        Put("root/app/package-lock.json", """{"lockfileVersion":3,"packages":{"":{"name":"app"},"node_modules/left-pad":{"version":"1.3.0"},"node_modules/@a/b":{"version":"2.0.0"}}}""");
        Put("root/app/yarn.lock", "# yarn lockfile v1\n\nlodash@^4.0.0, lodash@^4.1.0:\n  version \"4.17.20\"\n\n\"@x/y@npm:^1.0.0\":\n  version: 1.0.1\n");
        Put("root/app/pnpm-lock.yaml", "lockfileVersion: '6.0'\npackages:\n  /ms@2.1.2:\n    resolution: {}\n  /@q/r@3.0.0(react@18.0.0):\n    dev: true\n");
        Put("root/app/requirements.txt", "# pins\nDjango==3.2.1 ; python_version > '3'\nrequests>=2\nflask[async]==2.0.0\n");
        Put("root/app/poetry.lock", "[[package]]\nname = \"urllib3\"\nversion = \"1.26.4\"\n\n[package.extras]\nname = \"no\"\n");
        Put("root/app/Cargo.lock", "[[package]]\nname = \"serde\"\nversion = \"1.0.1\"\nsource = \"x\"\n");
        Put("root/app/go.sum", "golang.org/x/net v0.1.0 h1:abc=\ngolang.org/x/net v0.1.0/go.mod h1:def=\n");
        Put("root/app/Gemfile.lock", "GEM\n  remote: x\n  specs:\n    rails (6.0.0)\n      actioncable (= 6.0.0)\n    nokogiri (1.11.0-x86_64-linux)\n");
        Put("root/app/composer.lock", """{"packages":[{"name":"monolog/monolog","version":"v2.0.0"}],"packages-dev":[]}""");
        Put("root/app/app.deps.json", """{"libraries":{"app/1.0.0":{"type":"project"},"Newtonsoft.Json/12.0.1":{"type":"package"}}}""");
        Put("root/usr/lib/python3.11/site-packages/Jinja2-3.0.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: Jinja2\nVersion: 3.0.0\n\nText\n");
        Put("root/opt/node_modules/express/package.json", """{"name":"express","version":"4.0.0"}""");
        Jar("root/opt/app.jar");

        Inventory inventory = Read();

        Assert.Equal(
            [
                "cargo serde 1.0.1", "composer monolog/monolog 2.0.0", "deb libssl3 3.0.14-1~deb12u1", "deb openssl 3.0.14-1~deb12u1",
                "gem nokogiri 1.11.0", "gem rails 6.0.0", "golang golang.org/x/net v0.1.0", "maven org.apache.logging.log4j:log4j-core 2.14.1",
                "npm @a/b 2.0.0", "npm @q/r 3.0.0", "npm @x/y 1.0.1", "npm express 4.0.0", "npm left-pad 1.3.0", "npm lodash 4.17.20", "npm ms 2.1.2",
                "nuget Newtonsoft.Json 12.0.1", "pypi django 3.2.1", "pypi flask 2.0.0", "pypi jinja2 3.0.0", "pypi urllib3 1.26.4",
            ],
            inventory.Packages.Select(package => $"{package.Type} {package.Name} {package.Version}"));
        Assert.Equal("bookworm", inventory.System!.Codename);
        Assert.Empty(inventory.Problems);
    }

    [Fact]
    public void What_the_system_owns_is_not_of_a_language_too()
    {
        Debian();
        Put("root/usr/lib/python3/dist-packages/six-1.0.egg-info/PKG-INFO", "Name: six\nVersion: 1.0\n");
        Put("root/var/lib/dpkg/info/python3-six.list", "/.\n/usr/lib/python3/dist-packages/six-1.0.egg-info/PKG-INFO\n");

        Assert.DoesNotContain(Read().Packages, package => package.Type == "pypi");
    }

    [Fact]
    public void Alpine_packages_are_found()
    {
        Put("root/etc/os-release", "ID=alpine\nVERSION_ID=3.19.1\nPRETTY_NAME=\"Alpine Linux v3.19\"\n");
        Put("root/lib/apk/db/installed", "P:libcrypto3\nV:3.1.4-r2\nA:x86_64\no:openssl\nL:Apache-2.0\nF:lib\nR:libcrypto.so.3\n\nP:musl\nV:1.2.4-r2\nA:x86_64\n");

        Inventory inventory = Read();

        Assert.Equal(["libcrypto3 3.1.4-r2 openssl", "musl 1.2.4-r2 musl"], inventory.Packages.Select(package => $"{package.Name} {package.Version} {package.SourceName}"));
    }

    [Fact]
    public void Rpm_packages_are_found_in_a_database_of_sqlite()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/sqlite3"), "sqlite3 is not installed");
        Put("root/etc/os-release", "ID=fedora\nVERSION_ID=40\n");
        string database = Path.Join(_directory, "root/var/lib/rpm/rpmdb.sqlite");
        Directory.CreateDirectory(Path.GetDirectoryName(database)!);
        var script = new StringBuilder("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL);\n");
        for (int i = 0; i < 300; i++)
        {
            // Some longer than a page, which go on in others.
            script.AppendLine(System.Globalization.CultureInfo.InvariantCulture, $"INSERT INTO Packages(blob) VALUES (x'{Convert.ToHexString(Header($"package{i:000}", "1.0", "1.fc40", i % 7 == 0 ? 20_000 : 10))}');");
        }
        using (var process = Process.Start(new ProcessStartInfo("sqlite3", [database]) { RedirectStandardInput = true })!)
        {
            process.StandardInput.Write(script);
            process.StandardInput.Close();
            process.WaitForExit();
        }

        Inventory inventory = Read();

        Assert.Empty(inventory.Problems);
        Assert.Equal(300, inventory.Packages.Count);
        Assert.Equal("2:1.0-1.fc40", inventory.Packages[299].Version);
        Assert.Equal("source", inventory.Packages[0].SourceName);
    }

    [Fact]
    public void Hostile_files_are_problems_and_nothing_else()
    {
        Debian();
        Put("root/var/lib/rpm/rpmdb.sqlite", "SQLite format 3\0" + new string('\x01', 5000));
        Put("root/app/package-lock.json", new string('[', 100_000));
        Put("root/app/x.jar", "PK\x03\x04 nonsense");
        File.CreateSymbolicLink(Path.Join(_directory, "root/app/composer.lock"), "/etc/passwd");
        Directory.CreateDirectory(Path.Join(_directory, "root/app/Cargo.lock"));
        Process.Start("mkfifo", Path.Join(_directory, "root/app/go.sum")).WaitForExit();

        Inventory inventory = Read();

        Assert.Equal(2, inventory.Packages.Count);
        Assert.Equal(3, inventory.Problems.Count);
    }

    [Fact]
    public void What_apt_would_upgrade_is_listed()
    {
        Debian();
        Put("db/archive_dists_bookworm_InRelease", "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Debian\nSuite: oldstable\nCodename: bookworm\nDate: Sat, 06 Sep 2025 10:00:00 UTC\n");
        Put("db/archive_dists_bookworm_main_binary-amd64_Packages", Index("openssl", "3.0.17-1~deb12u2") + Index("libssl3", "3.0.17-1~deb12u2", "openssl") + Index("other", "1"));
        Put("db/archive_dists_bookworm-security_InRelease", "Hash: SHA256\n\nSuite: oldstable-security\nCodename: bookworm-security\n");
        Put("db/archive_dists_bookworm-security_main_binary-amd64_Packages", Index("libssl3", "3.0.17-1~deb12u3", "openssl"));
        Put("db/archive_dists_bookworm-backports_Release", "Suite: bookworm-backports\nCodename: bookworm-backports\nNotAutomatic: yes\nButAutomaticUpgrades: yes\n");
        Put("db/archive_dists_bookworm-backports_main_binary-amd64_Packages", Index("openssl", "3.2.0-1~bpo12+1"));
        Put("db/archive_dists_trixie_Release", "Suite: stable\nCodename: trixie\n");
        Put("db/archive_dists_trixie_main_binary-amd64_Packages", Index("openssl", "3.5.0-1"));

        ScanReport report = Scan();

        Assert.Equal(
            ["libssl3 3.0.17-1~deb12u3 oldstable-security True", "openssl 3.0.17-1~deb12u2 oldstable False"],
            report.Updates.Select(update => $"{update.Package} {update.Candidate} {update.Suite} {update.IsSecurity}"));
        Finding finding = Assert.Single(report.Findings);
        Assert.Equal(("security-update", Severity.Unknown), (finding.Id, finding.Severity));
        Assert.Empty(report.Unknown);
        Assert.Single(report.Refused(Severity.Critical));
    }

    [Fact]
    public void Changelogs_name_what_an_update_fixes()
    {
        Debian();
        Put("db/openssl.changelog",
            "openssl (3.0.17-1~deb12u2) bookworm-security; urgency=high\n\n  * CVE-2025-9230, CVE-2025-9231\n\n -- M <m@x>  Mon, 1 Sep 2025 10:00:00 +0000\n\n"
            + "openssl (3.0.15-1~deb12u1) bookworm; urgency=medium\n\n  * Fixes CVE-2024-9143\n\n -- M <m@x>  Mon, 1 Sep 2024 10:00:00 +0000\n\n"
            + "openssl (3.0.14-1~deb12u1) bookworm; urgency=medium\n\n  * CVE-2024-4603\n\n -- M <m@x>  Mon, 1 Jul 2024 10:00:00 +0000\n");

        ScanReport report = Scan();

        Assert.Equal(
            ["CVE-2025-9230 High 3.0.17-1~deb12u2", "CVE-2025-9231 High 3.0.17-1~deb12u2", "CVE-2024-9143 Medium 3.0.15-1~deb12u1"],
            report.Findings.Where(finding => finding.Package == "openssl").Select(finding => $"{finding.Id} {finding.Severity} {finding.FixedIn}"));
        Assert.Equal(4, report.Refused(Severity.High).Count);
        Assert.Equal(2, report.Refused(Severity.High, ["CVE-2025-9230"]).Count);
    }

    [Fact]
    public void Records_are_matched_by_ecosystem_range_and_alias()
    {
        Debian();
        Put("root/app/package-lock.json", """{"packages":{"node_modules/lodash":{"version":"4.17.20"},"node_modules/ms":{"version":"2.1.3"}}}""");
        Put("root/app/requirements.txt", "Foo_Bar==1.0\n");
        Put("db/npm/GHSA-1.json", Record("GHSA-35jh", "npm", "lodash", "SEMVER", "0", "4.17.21", """ "aliases":["CVE-2021-23337"],"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H"}],"""));
        Put("db/npm/GHSA-2.json", Record("GHSA-other", "npm", "ms", "SEMVER", "0", "2.0.0", ""));
        Put("db/withdrawn.json", Record("GHSA-gone", "npm", "lodash", "SEMVER", "0", "9.0.0", """ "withdrawn":"2024-01-01T00:00:00Z","""));
        Put("db/py.json", Record("PYSEC-1", "PyPI", "foo-bar", "ECOSYSTEM", "0", "1.0.post1", ""));
        Put("db/debian12.json", Record("DEBIAN-CVE-1", "Debian:12", "openssl", "ECOSYSTEM", "0", "3.0.15-1", """ "upstream":["CVE-2024-1"],"""));
        Put("db/debian11.json", Record("DEBIAN-CVE-2", "Debian:11", "openssl", "ECOSYSTEM", "0", "3.0.15-1", ""));
        using (ZipArchive zip = ZipFile.Open(Path.Join(_directory, "db/all.zip"), ZipArchiveMode.Create))
        {
            using var entry = new StreamWriter(zip.CreateEntry("CVE-2021-23337.json").Open());
            entry.Write(Record("CVE-2021-23337", "npm", "lodash", "SEMVER", "0", "4.17.21", ""));
        }

        ScanReport report = Scan();

        Assert.Equal(
            ["lodash GHSA-35jh High 4.17.21", "foo-bar PYSEC-1 Unknown 1.0.post1", "libssl3 DEBIAN-CVE-1 Unknown 3.0.15-1", "openssl DEBIAN-CVE-1 Unknown 3.0.15-1"],
            report.Findings.Select(finding => $"{finding.Package} {finding.Id} {finding.Severity} {finding.FixedIn}"));
        Assert.Contains("CVE-2021-23337", report.Findings[0].Aliases);
    }

    [Fact]
    public void What_there_is_no_data_about_is_said()
    {
        Debian();
        Directory.CreateDirectory(Path.Join(_directory, "db"));

        ScanReport report = Scan();

        Assert.Equal(["2 packages of type deb: there is no data about such packages of Debian GNU/Linux 12 (bookworm)"], report.Unknown);
    }

    [Fact]
    public void Bills_of_materials_are_reproducible_and_whole()
    {
        Debian();
        Put("root/app/Cargo.lock", "[[package]]\nname = \"serde\"\nversion = \"1.0.1\"\n");

        using var spdx = JsonDocument.Parse(SbomWriter.Write("spdx", "web:1", Manifest, Read(), Now));
        using var cyclone = JsonDocument.Parse(SbomWriter.Write("cyclonedx", "web:1", Manifest, Read(), Now));

        Assert.Equal(SbomWriter.Write("spdx", "web:1", Manifest, Read(), Now), SbomWriter.Write("spdx", "web:1", Manifest, Read(), Now));
        Assert.Equal(4, spdx.RootElement.GetProperty("packages").GetArrayLength());
        Assert.Contains("pkg:deb/debian/libssl3@3.0.14-1~deb12u1?arch=amd64&distro=debian-12&upstream=openssl%403.0.14-1~deb12u1", spdx.RootElement.GetRawText(), StringComparison.Ordinal);
        Assert.Equal(4, cyclone.RootElement.GetProperty("components").GetArrayLength());
        Assert.Contains("pkg:cargo/serde@1.0.1", cyclone.RootElement.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public void Findings_become_a_document_for_code_hosts()
    {
        Debian();
        Put("db/debian12.json", Record("DEBIAN-CVE-1", "Debian:12", "openssl", "ECOSYSTEM", "0", "3.0.15-1", ""));

        using var sarif = JsonDocument.Parse(SarifWriter.Write(Scan()));

        JsonElement run = sarif.RootElement.GetProperty("runs")[0];
        Assert.Equal(2, run.GetProperty("results").GetArrayLength());
        Assert.Equal("DEBIAN-CVE-1", run.GetProperty("tool").GetProperty("driver").GetProperty("rules")[0].GetProperty("id").GetString());
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("zstd")]
    [InlineData("lz4")]
    public void Indexes_are_read_however_they_are_packed(string tool)
    {
        Assert.SkipUnless(File.Exists($"/usr/bin/{tool}"), $"{tool} is not installed");
        Debian();
        string text = string.Concat(Enumerable.Range(0, 20_000).Select(i => Index($"package{i}", $"{i}.0"))) + Index("openssl", "3.0.17-1~deb12u2");
        Put("db/Packages", text);
        Process.Start("/bin/sh", ["-c", $"{tool} -q -c {_directory}/db/Packages > {_directory}/db/x_Packages.z && rm {_directory}/db/Packages && mv {_directory}/db/x_Packages.z {_directory}/db/Packages.gz"]).WaitForExit();

        Assert.Equal("openssl", Assert.Single(Scan().Updates).Package);
    }

    [Fact]
    public void The_data_that_apt_has_here_is_read()
    {
        const string Lists = "/var/lib/apt/lists";
        Assert.SkipUnless(Directory.Exists(Lists) && Directory.EnumerateFiles(Lists, "*_Packages*").Any(), "apt has no indexes here");
        Assert.SkipUnless(File.Exists("/var/lib/dpkg/status"), "this is no Debian");
        foreach (string file in (string[])["etc/os-release", "var/lib/dpkg/status"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Join(_directory, "root", file))!);
            File.Copy($"/{file}", Path.Join(_directory, "root", file));
        }
        using var apt = Process.Start(new ProcessStartInfo("apt", ["list", "--upgradable"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string[] expected = [.. apt.StandardOutput.ReadToEnd().Split('\n').Where(line => line.Contains('/')).Select(line => line.Split('/')[0] + " " + line.Split(' ')[1]).Order(StringComparer.Ordinal)];

        ScanReport report = ImageScan.Run("host", Manifest, Read(), VulnerabilityDatabase.Open([Lists]), Now, TestContext.Current.CancellationToken);

        Assert.Equal(expected, report.Updates.Select(update => $"{update.Package} {update.Candidate}").Order(StringComparer.Ordinal));
    }

    private ScanReport Scan() =>
        ImageScan.Run("web:1", Manifest, Read(), VulnerabilityDatabase.Open([Path.Join(_directory, "db")]), Now, TestContext.Current.CancellationToken);

    private Inventory Read()
    {
        using RootDirectory root = RootDirectory.Open(Path.Join(_directory, "root"));
        return InventoryReader.Read(root, TestContext.Current.CancellationToken);
    }

    private void Debian()
    {
        Put("root/etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n");
        Put("root/var/lib/dpkg/status",
            "Package: openssl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 3.0.14-1~deb12u1\nDescription: x\n more\n\n"
            + "Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\nSource: openssl\nVersion: 3.0.14-1~deb12u1\n\n"
            + "Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n");
    }

    private static string Index(string name, string version, string? source = null) =>
        $"Package: {name}\n{(source is null ? "" : $"Source: {source}\n")}Version: {version}\nArchitecture: amd64\nDescription: {name} of the archive\n\n";

    private static string Record(string id, string ecosystem, string name, string type, string from, string to, string more) =>
        $$"""{"id":"{{id}}",{{more}}"modified":"2025-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"{{ecosystem}}","name":"{{name}}"},"ranges":[{"type":"{{type}}","events":[{"introduced":"{{from}}"},{"fixed":"{{to}}"}]}]}]}""";

    private void Jar(string path)
    {
        string full = Path.Join(_directory, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        using ZipArchive zip = ZipFile.Open(full, ZipArchiveMode.Create);
        using var entry = new StreamWriter(zip.CreateEntry("META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties").Open());
        entry.Write("version=2.14.1\ngroupId=org.apache.logging.log4j\nartifactId=log4j-core\n");
    }

    /// <summary>A header as rpm keeps it, with padding of a tag nobody reads.</summary>
    private static byte[] Header(string name, string version, string release, int padding)
    {
        List<(int Tag, int Type, byte[] Data)> tags =
        [
            (1000, 6, Encoding.UTF8.GetBytes(name + "\0")), (1001, 6, Encoding.UTF8.GetBytes(version + "\0")), (1002, 6, Encoding.UTF8.GetBytes(release + "\0")),
            (1044, 6, "source-1.0-1.fc40.src.rpm\0"u8.ToArray()), (5000, 7, new byte[padding]), (1003, 4, [0, 0, 0, 2]),
        ];
        using var index = new MemoryStream();
        using var data = new MemoryStream();
        void Number(int value) => index.Write([(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value]);
        Number(tags.Count);
        Number(tags.Sum(tag => tag.Data.Length));
        foreach (var (tag, type, bytes) in tags)
        {
            Number(tag);
            Number(type);
            Number((int)data.Length);
            Number(1);
            data.Write(bytes);
        }
        return [.. index.ToArray(), .. data.ToArray()];
    }

    private void Put(string path, string content)
    {
        string full = Path.Join(_directory, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, content);
    }
}
