using System.Text;

using Caisson.Errors;
using Caisson.Linux.Libraries;
using Caisson.Linux.Processes;
using Caisson.Machines.CloudInit;
using Xunit;

namespace Caisson.Machines.Tests.CloudInit;

public sealed class SeedTests : IDisposable
{
    private const string Key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me@here";

    private static readonly DateTimeOffset Made = new(2026, 1, 2, 3, 4, 6, TimeSpan.Zero);

    private readonly string _home = Directory.CreateTempSubdirectory("seed-").FullName;
    private readonly CancellationToken _cancellation = TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Fact]
    public async Task The_disc_is_read_by_others_under_the_names_that_cloud_init_wants()
    {
        Seed seed = Seed.Compile(new SeedConfig { InstanceId = "i-1", Hostname = "web", SshKeys = [Key], Interfaces = [new SeedInterface("net0", "02:00:00:00:00:01")] });
        string path = $"{_home}/seed.iso";
        await File.WriteAllBytesAsync(path, seed.ToDisc(Made), _cancellation);

        string kind = await ToolRun.ReadAsync("blkid", ["-p", "-o", "export", path], null, _cancellation);

        Assert.Contains("LABEL=cidata", kind, StringComparison.Ordinal);
        Assert.Contains("TYPE=iso9660", kind, StringComparison.Ordinal);
        if (!File.Exists("/usr/bin/isoinfo"))
        {
            Assert.Skip("isoinfo is not installed (Debian: genisoimage)");
        }
        string names = await ToolRun.ReadAsync("isoinfo", ["-J", "-f", "-i", path], null, _cancellation);
        Assert.Equal(["/first-boot", "/meta-data", "/network-config", "/user-data"], names.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal));
        foreach (var (name, text) in seed.Files)
        {
            Assert.Equal(text, await ToolRun.ReadAsync("isoinfo", ["-J", "-i", path, "-x", $"/{name}"], null, _cancellation));
        }
        string plain = await ToolRun.ReadAsync("isoinfo", ["-f", "-i", path], null, _cancellation);
        Assert.Equal(4, plain.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public async Task A_disc_with_many_and_large_files_is_whole()
    {
        var random = new Random(3);
        List<(string, ReadOnlyMemory<byte>)> files = [];
        for (int i = 0; i < 60; i++)
        {
            byte[] bytes = new byte[random.Next(0, 9_000)];
            random.NextBytes(bytes);
            files.Add(($"a-file-with-a-rather-long-name-number-{i:000}.bin", bytes));
        }
        string path = $"{_home}/many.iso";
        await File.WriteAllBytesAsync(path, IsoImage.Write("many", files, Made), _cancellation);
        if (!File.Exists("/usr/bin/isoinfo"))
        {
            Assert.Skip("isoinfo is not installed (Debian: genisoimage)");
        }

        foreach (var (name, content) in files.Where(file => file.Item2.Length > 0))
        {
            string copy = $"{_home}/copy";
            await ToolRun.ReadAsync("sh", ["-c", $"isoinfo -J -i '{path}' -x '/{name}' > '{copy}'"], null, _cancellation);
            Assert.Equal(content.ToArray(), await File.ReadAllBytesAsync(copy, _cancellation));
        }
    }

    [Fact]
    public void A_password_goes_along_as_its_hash_only()
    {
        Seed seed = Seed.Compile(new SeedConfig { InstanceId = "i-1", Hostname = "web", Password = "correct horse" });
        string all = string.Concat(seed.Files.Select(file => file.Text));
        string hash = all[all.IndexOf("$6$", StringComparison.Ordinal)..].Split('"', '\'')[0];

        Assert.DoesNotContain("correct horse", all, StringComparison.Ordinal);
        Assert.True(PasswordHash.Verify("correct horse", hash));
    }

    [Theory]
    [InlineData("#cloud-config\npackages:\n  - nginx\n bad: 1\n", "user-data, line 4, column")]
    [InlineData("#cloud-config\nruncmd: [\"a\"\nhostname: x\n", "is not YAML")]
    [InlineData("#cloud-config\n- a\n- b\n", "a cloud-config is a mapping, and this is a list")]
    [InlineData("#cloud-config\npackages: nginx\n", "user-data, line 2, column 11: packages must be a list, and this is text")]
    [InlineData("#cloud-config\nhostname: [a]\n", "hostname must be text")]
    [InlineData("#cloud-config\npackges: [nginx]\n", "did you mean 'packages'?")]
    [InlineData("#cloud-config\nruncmd:\n  - echo a: b\n", "user-data, line 3, column 5: a command of runcmd is text or a list of words, and this is a mapping")]
    [InlineData("#cloud-config\nwrite_files:\n  - content: x\n", "a file to write needs its absolute path")]
    [InlineData("#cloud-config\nusers:\n  - groups: sudo\n", "a user needs a name")]
    [InlineData("#cloud-config\nhostname: a\nhostname: b\n", "key 'hostname' is there twice; the first one is in line 2")]
    [InlineData("packages: [nginx]\n", "its first line says what it is: '#cloud-config'")]
    [InlineData("#cloud-config\na: *nothing\n", "alias *nothing has no anchor before it")]
    public void Slips_in_user_data_are_said_with_their_place(string userData, string expected)
    {
        var error = Assert.Throws<ProblemsException>(() => Seed.Compile(new SeedConfig { InstanceId = "i-1", Hostname = "web", UserData = userData }));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nested_and_multiplying_documents_are_refused_at_once()
    {
        string deep = "#cloud-config\na: " + new string('[', 100_000);
        string many = "#cloud-config\na: &a [x,x,x,x,x,x,x,x]\n" + string.Concat(Enumerable.Range(0, 30).Select(i => $"b{i}: &b{i} [*a,*a,*a,*a,*a]\n"));

        Assert.Throws<ProblemsException>(() => Seed.Compile(new SeedConfig { InstanceId = "i-1", Hostname = "web", UserData = deep }));
        Assert.NotNull(Seed.Compile(new SeedConfig { InstanceId = "i-1", Hostname = "web", UserData = many }));
    }

    [Theory]
    [InlineData("-----BEGIN OPENSSH PRIVATE KEY-----", "is a private key")]
    [InlineData("nonsense", "is not a public key")]
    [InlineData(Key + "\nssh-ed25519 AAAAother", "is not a public key")]
    public void What_is_no_public_key_is_refused(string key, string expected)
    {
        var error = Assert.Throws<ProblemsException>(() => Seed.Compile(new SeedConfig { InstanceId = "i-1", Hostname = "web", SshKeys = [key] }));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_script_of_the_first_start_says_what_was_asked_and_quotes_every_word()
    {
        const string userData = """
            #cloud-config
            timezone: Europe/Berlin
            users:
              - default
              - name: op
                groups: [adm, "sudo"]
                sudo: ALL=(ALL) NOPASSWD:ALL
                ssh_authorized_keys: ["ssh-ed25519 AAAAop"]
            write_files:
              - path: "/etc/it's"
                permissions: "0600"
                content: |
                  $(touch /tmp/never) 'quoted'
            packages: [nginx, "; rm -rf /"]
            runcmd:
              - [touch, "a file"]
              - echo "$HOME" > /root/home
            ntp: { enabled: true }
            """;
        Seed seed = Seed.Compile(new SeedConfig { InstanceId = "i-9", Hostname = "web", SshKeys = [Key], UserData = userData });
        string script = seed.Files.Single(file => file.Name == Seed.FirstBootName).Text;
        // The library's words as functions that print what they are given, a word a line.
        const string library = """
            for name in set_hostname set_timezone add_user allow_sudo set_password add_key write_file run_command install_packages update_packages; do
              eval "$name() { printf '%s' $name; for word; do printf '|%s' \"\$word\"; done; echo; }"
            done
            """;
        await File.WriteAllTextAsync($"{_home}/script", $"{library}\n{script}\nearly\nlate\n", _cancellation);

        string done = await ToolRun.ReadAsync("sh", ["-eu", $"{_home}/script"], null, _cancellation);

        string content = Convert.ToBase64String(Encoding.UTF8.GetBytes("$(touch /tmp/never) 'quoted'\n"));
        Assert.Equal(
            [
                "set_hostname|web", "set_timezone|Europe/Berlin", "add_user|debian|/bin/bash|sudo", "allow_sudo|debian|ALL=(ALL) NOPASSWD:ALL", $"add_key|debian|{Key}",
                "add_user|op|/bin/bash|adm,sudo", "allow_sudo|op|ALL=(ALL) NOPASSWD:ALL", "add_key|op|ssh-ed25519 AAAAop",
                $"write_file|/etc/it's|0600|root:root|whole|{content}", "update_packages", "install_packages|nginx", "run_command|touch|a file", "run_command|/bin/sh|-c|echo \"$HOME\" > /root/home",
            ],
            done.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(["user-data, line 18: ntp needs cloud-init in the machine"], seed.Notes);
        Assert.Contains(seed.Files, file => file.Name == "vendor-data");
    }

    [Fact]
    public void The_same_is_written_twice()
    {
        var config = new SeedConfig { InstanceId = "i-1", Hostname = "web", SshKeys = [Key] };

        Assert.Equal(Seed.Compile(config).ToDisc(Made), Seed.Compile(config).ToDisc(Made));
    }
}
