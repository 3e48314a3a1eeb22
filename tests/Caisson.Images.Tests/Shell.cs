using System.Diagnostics;

using Xunit;

namespace Caisson.Images.Tests;

/// <summary>Runs the tools that our results are compared with.</summary>
internal static class Shell
{
    /// <summary>What <paramref name="script"/> printed; fails the test when it fails.</summary>
    public static string Run(string script, string? directory = null)
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-ec", script])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory ?? "/",
        })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{script}: {errors.Result}");
        return output;
    }

    /// <summary>Skips the test where <paramref name="program"/> is not installed.</summary>
    public static void Need(string program) =>
        Assert.SkipUnless(
            Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(path => File.Exists(Path.Join(path, program))),
            $"{program} is not installed");
}
