using System.ComponentModel;
using System.Diagnostics;

using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.Builds;

/// <summary>A context that is fetched: an archive or a Dockerfile by HTTP, or a commit of a git repository by the system's git.</summary>
/// <remarks>Source: docker build, "Build context": Git repositories, remote tarballs.</remarks>
internal sealed class RemoteContext : IDisposable
{
    private readonly string _directory;
    private readonly string? _path;

    private RemoteContext(string directory, string? path)
    {
        _directory = directory;
        _path = path;
    }

    /// <summary>The files of an archive; null for others.</summary>
    public ArchiveTree? Archive { get; private init; }

    /// <summary>The directory of a repository; null for others.</summary>
    public HostTree? Tree { get; private init; }

    /// <summary>A Dockerfile that was all there is; null for others.</summary>
    public byte[]? Dockerfile { get; private init; }

    /// <summary>What was fetched, for whoever wants to know later.</summary>
    public required Oci.Digest Digest { get; init; }

    /// <summary>Fetches a context.</summary>
    /// <param name="address">As the user wrote it.</param>
    /// <param name="directory">Where it is kept meanwhile.</param>
    /// <param name="keepGit">The directory <c>.git</c> is part of the context.</param>
    /// <param name="hashes">What is known of files.</param>
    /// <param name="cancellation">Ends the work.</param>
    public static async Task<RemoteContext> FetchAsync(string address, string directory, bool keepGit, ContentHashes hashes, CancellationToken cancellation)
    {
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (IsRepository(address))
        {
            return await CloneAsync(address, directory, keepGit, hashes, cancellation);
        }
        RemoteFile.Fetched fetched = await RemoteFile.FetchAsync(address, directory, cancellation);
        try
        {
            await using var content = new FileStream(fetched.Path, FileMode.Open, FileAccess.Read);
            bool isArchive;
            using (FileStream look = File.OpenRead(fetched.Path))
            {
                isArchive = CopySources.IsArchive(look, address);
            }
            if (isArchive)
            {
                return new RemoteContext(directory, null) { Archive = ArchiveTree.Read(directory, content, address, keepOwners: false, null, cancellation), Digest = fetched.Digest };
            }
            if (content.Length > ImageBuilder.DockerfileBytesMax)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"{address} is neither a tar archive nor a Dockerfile: it has {content.Length} bytes");
            }
            byte[] text = new byte[content.Length];
            await content.ReadExactlyAsync(text, cancellation);
            return new RemoteContext(directory, null) { Dockerfile = text, Digest = fetched.Digest };
        }
        finally
        {
            File.Delete(fetched.Path);
        }
    }

    /// <summary>True for an address of a git repository; <c>https://…</c> is one when it ends in <c>.git</c>, or has a fragment after that.</summary>
    public static bool IsRepository(string address) => address.StartsWith("github.com/", StringComparison.Ordinal) || RemoteFile.IsRepository(address.Split('#')[0]);

    /// <inheritdoc/>
    public void Dispose()
    {
        Archive?.Dispose();
        Tree?.Dispose();
        if (_path is not null)
        {
            using DirectoryDescriptor parent = HostFiles.OpenDirectory(_directory);
            parent.RemoveTree(Path.GetFileName(_path));
        }
    }

    /// <summary><c>ADDRESS#REF:SUBDIRECTORY</c>: one commit, with its submodules, without history.</summary>
    private static async Task<RemoteContext> CloneAsync(string address, string directory, bool keepGit, ContentHashes hashes, CancellationToken cancellation)
    {
        string[] parts = address.Split('#', 2);
        string repository = parts[0].StartsWith("github.com/", StringComparison.Ordinal) ? "https://" + parts[0] : parts[0];
        string[] where = parts.Length < 2 ? ["", ""] : parts[1].Split(':', 2);
        string wanted = where[0].Length > 0 ? where[0] : "HEAD";
        string below = where.Length > 1 ? where[1] : "";
        if (repository.StartsWith('-') || wanted.StartsWith('-'))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"'{address}' is no address of a repository");
        }
        string name = $"git-{Guid.NewGuid():N}";
        string path = $"{directory}/{name}";
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var context = new RemoteContext(directory, path) { Digest = default };
        try
        {
            await GitAsync(path, ["init", "-q", "."], cancellation);
            await GitAsync(path, ["fetch", "-q", "--depth=1", "--no-tags", "--", repository, wanted], cancellation);
            await GitAsync(path, ["checkout", "-q", "--detach", "FETCH_HEAD"], cancellation);
            if (File.Exists($"{path}/.gitmodules"))
            {
                await GitAsync(path, ["submodule", "-q", "update", "--init", "--recursive", "--depth=1"], cancellation);
            }
            string commit = (await GitAsync(path, ["rev-parse", "HEAD"], cancellation)).Trim();
            using RootDirectory root = RootDirectory.Open(path);
            DirectoryDescriptor chosen;
            try
            {
                chosen = root.OpenDirectory(below.Length == 0 ? "/" : below);
            }
            catch (LinuxException)
            {
                throw new CaissonException(ErrorKind.NotFound, $"'{below}' is no directory of {repository} at {wanted}");
            }
            var tree = new HostTree(RootDirectory.From(chosen), hashes);
            if (!keepGit)
            {
                tree.Ignore(file => file == ".git" || file.EndsWith("/.git", StringComparison.Ordinal), looksIntoIgnored: false);
            }
            return new RemoteContext(directory, path) { Tree = tree, Digest = Oci.Digest.Of(System.Text.Encoding.ASCII.GetBytes(commit)) };
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    /// <summary>git without the user's and the system's settings, without hooks, without questions, and by network protocols only.</summary>
    private static async Task<string> GitAsync(string directory, IReadOnlyList<string> arguments, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo("git", [
            "-c", "core.hooksPath=/dev/null", "-c", "protocol.file.allow=never", "-c", "protocol.ext.allow=never", "-c", "core.fsmonitor=false", "-c", "advice.detachedHead=false",
            .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory,
        };
        start.Environment["GIT_CONFIG_NOSYSTEM"] = "1";
        start.Environment["GIT_CONFIG_GLOBAL"] = "/dev/null";
        start.Environment["GIT_TERMINAL_PROMPT"] = "0";
        start.Environment["GIT_SSH_COMMAND"] = "ssh -o BatchMode=yes";
        start.Environment["LC_ALL"] = "C";
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception error)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, "a context of a repository needs git on the engine's machine (Debian: apt-get install git)", error);
        }
        using (process)
        {
            process.StandardInput.Close();
            Task<string> output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
            Task<string> errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
            try
            {
                await process.WaitForExitAsync(cancellation);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                await process.WaitForExitAsync(CancellationToken.None);
                throw;
            }
            return process.ExitCode == 0
                ? await output
                : throw new CaissonException(ErrorKind.Unavailable, $"git {arguments[0]}: {(await errors).Trim()}");
        }
    }
}
