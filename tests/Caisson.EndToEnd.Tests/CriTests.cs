using System.Diagnostics;

using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>The Container Runtime Interface by a client that is none of ours: gRPC's own library, and streams by websocket and SPDY.</summary>
public sealed class CriTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(6);

    [Fact]
    public async Task A_foreign_client_drives_every_call_the_streams_and_the_plugins_of_networks()
    {
        string? binaries = Engine.FindBinaries();
        Assert.SkipWhen(binaries is null, "needs the published binaries: run ./test, which publishes them");
        Assert.SkipUnless(Engine.Has("protoc"), "needs protoc (apt-get install protobuf-compiler)");
        Assert.SkipUnless(File.Exists("/usr/lib/cni/bridge") || File.Exists("/opt/cni/bin/bridge"), "needs plugins of networks (apt-get install containernetworking-plugins)");
        Assert.SkipUnless(Has("grpc") && Has("google.protobuf") && Has("websocket"), "needs Python's libraries (apt-get install python3-grpcio python3-protobuf python3-websocket)");
        string repository = Path.GetFullPath(Path.Combine(binaries!, "..", ".."));
        string directory = Directory.CreateTempSubdirectory("caisson-cri-").FullName;

        try
        {
            (int code, string output) = await RunAsync(
                "unshare", "--net", "--mount", "--propagation", "private", "--", "bash", Path.Combine(repository, "tests/clients/cri.sh"), binaries!, directory);

            Assert.True(code == 0, output);
            Assert.Contains("0 failed; 41 of 41 calls", output, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static bool Has(string module) => RunAsync("/usr/bin/python3", "-c", $"import {module}").GetAwaiter().GetResult().Code == 0;

    private static async Task<(int Code, string Output)> RunAsync(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
        }
        return (process.HasExited ? process.ExitCode : -1, await output + await errors);
    }
}
