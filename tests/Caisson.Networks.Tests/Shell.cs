using System.Diagnostics;
using Caisson.Linux;

namespace Caisson.Networks.Tests;

/// <summary>Processes to look at kernel objects from outside.</summary>
internal static class Shell
{
    /// <summary>Starts <c>sh -c</c>; the caller disposes it and sees to its end.</summary>
    public static Process Start(string script)
    {
        var start = new ProcessStartInfo("sh") { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add(script);
        return Process.Start(start)!;
    }

    /// <summary>Runs <c>sh -c</c> to its end and gives what it wrote, trimmed.</summary>
    public static string Run(string script)
    {
        using var process = Start(script);
        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (output + errors.Result).Trim();
    }

    /// <summary>The same in a network.</summary>
    public static string RunIn(Namespace network, string script)
    {
        string said = "";
        network.RunInside(() => said = Run(script));
        return said;
    }
}
