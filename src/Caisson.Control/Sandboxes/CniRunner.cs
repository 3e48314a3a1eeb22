using System.ComponentModel;
using System.Diagnostics;
using System.Text;

using Caisson.Errors;

namespace Caisson.Control.Sandboxes;

/// <summary>Where and for whom plugins work.</summary>
/// <param name="ContainerId">The sandbox's id.</param>
/// <param name="NetworkPath">A path that leads to its network namespace; empty when that is gone.</param>
/// <param name="Arguments">Further facts by name, for plugins that look for them.</param>
/// <param name="Facts">What the pod asked for, JSON by the name of the capability.</param>
internal sealed record CniPlace(string ContainerId, string NetworkPath, IReadOnlyDictionary<string, string> Arguments, IReadOnlyDictionary<string, string> Facts);

/// <summary>Runs the plugins of a network. Source: Container Network Interface Specification 1.0.0, sections 2, "Execution Protocol", and 3.</summary>
/// <remarks>The one place on the way of a pod where programs are started, since the specification says that plugins are programs.</remarks>
internal static class CniRunner
{
    private const string Interface = "eth0";
    private const int OutputCharsMax = 1 << 20;

    /// <summary>Connects the sandbox.</summary>
    /// <returns>The result of the last plugin, as JSON.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Unavailable"/>: a plugin refuses; what the ones before it did is still there.</exception>
    public static async Task<string> AddAsync(CniDirectory directory, CniNetwork network, CniPlace place, CancellationToken cancellation)
    {
        string? result = null;
        foreach (CniNetwork.Plugin plugin in network.Plugins)
        {
            result = await RunAsync(directory, "ADD", network, plugin, place, result, cancellation);
            _ = CniResult.Addresses(result); // what is no result is no use to the next plugin
        }
        return result!;
    }

    /// <summary>Disconnects it; what is not there is no error.</summary>
    /// <param name="directory">Where the plugins are.</param>
    /// <param name="network">By which it was connected.</param>
    /// <param name="place">Who.</param>
    /// <param name="result">What ADD answered; null when it did not.</param>
    /// <param name="cancellation">Ends the plugins.</param>
    public static async Task DeleteAsync(CniDirectory directory, CniNetwork network, CniPlace place, string? result, CancellationToken cancellation)
    {
        CaissonException? failure = null;
        foreach (CniNetwork.Plugin plugin in network.Plugins.Reverse())
        {
            try
            {
                _ = await RunAsync(directory, "DEL", network, plugin, place, result, cancellation);
            }
            catch (CaissonException error)
            {
                failure ??= error; // the others give back what is theirs all the same
            }
        }
        if (failure is not null)
        {
            throw failure;
        }
    }

    /// <summary>Asks whether the sandbox is connected as <paramref name="result"/> says.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Unavailable"/>: it is not; with the plugin's words.</exception>
    public static async Task CheckAsync(CniDirectory directory, CniNetwork network, CniPlace place, string result, CancellationToken cancellation)
    {
        foreach (CniNetwork.Plugin plugin in network.CanCheck ? network.Plugins : [])
        {
            _ = await RunAsync(directory, "CHECK", network, plugin, place, result, cancellation);
        }
    }

    private static async Task<string> RunAsync(
        CniDirectory directory, string command, CniNetwork network, CniNetwork.Plugin plugin, CniPlace place, string? previous, CancellationToken cancellation)
    {
        string program = directory.ProgramOf(plugin.Type);
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        start.Environment["CNI_COMMAND"] = command;
        start.Environment["CNI_CONTAINERID"] = place.ContainerId;
        start.Environment["CNI_NETNS"] = place.NetworkPath;
        start.Environment["CNI_IFNAME"] = Interface;
        start.Environment["CNI_PATH"] = string.Join(':', directory.Plugins);
        start.Environment["CNI_ARGS"] = string.Join(';', place.Arguments.Select(pair => $"{pair.Key}={pair.Value}"));
        start.Environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"; // some call iptables
        string what = $"network {network.Name}, plugin {plugin.Type}, {command}";
        try
        {
            using Process process = Process.Start(start)!;
            try
            {
                Task<string> output = ReadAsync(process.StandardOutput, cancellation);
                Task<string> errors = ReadAsync(process.StandardError, cancellation);
                await WriteAsync(process, network.InputFor(plugin, place.Facts, previous), cancellation);
                await process.WaitForExitAsync(cancellation);
                string answer = await output;
                string complaint = await errors;
                return process.ExitCode == 0 ? answer : throw new CaissonException(ErrorKind.Unavailable, $"{what}: {CniResult.Reason(answer, complaint)}");
            }
            catch
            {
                Kill(process);
                throw;
            }
        }
        catch (Exception error) when (error is Win32Exception or IOException)
        {
            throw new CaissonException(ErrorKind.Unavailable, $"{what}: {program} cannot be run: {error.Message}", error);
        }
    }

    private static async Task WriteAsync(Process process, byte[] input, CancellationToken cancellation)
    {
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(input, cancellation);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended without reading: how it ended says why.
        }
    }

    private static async Task<string> ReadAsync(StreamReader reader, CancellationToken cancellation)
    {
        var text = new StringBuilder();
        char[] buffer = new char[4_096];
        int count;
        while ((count = await reader.ReadAsync(buffer, cancellation)) > 0)
        {
            if (text.Length < OutputCharsMax)
            {
                text.Append(buffer, 0, count);
            }
        }
        return text.ToString();
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself.
        }
    }
}
