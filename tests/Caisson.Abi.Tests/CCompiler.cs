using System.Diagnostics;

namespace Caisson.Abi.Tests;

/// <summary>The machine's C compiler, which knows the headers that our constants and structures repeat.</summary>
internal static class CCompiler
{
    /// <summary>The compiler for machines of arm64, whose programs cannot be run here.</summary>
    public const string Arm64 = "aarch64-linux-gnu-gcc";

    /// <summary>Whether there is one.</summary>
    public static bool Exists { get; } = Has("cc");

    /// <summary>Whether there is a program of that name.</summary>
    public static bool Has(string name) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(directory => File.Exists($"{directory}/{name}"));

    /// <summary>Compiles and runs a program, and gives the lines it prints.</summary>
    public static string[] Run(string source)
    {
        string directory = Directory.CreateTempSubdirectory("caisson-abi-").FullName;
        try
        {
            File.WriteAllText($"{directory}/a.c", source);
            Call("cc", "-w", "-o", $"{directory}/a", $"{directory}/a.c");
            return Call($"{directory}/a").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>Has a program read by the compiler for arm64, and gives the lines with what is wrong.</summary>
    public static string[] CheckForArm64(string source)
    {
        string directory = Directory.CreateTempSubdirectory("caisson-abi-").FullName;
        try
        {
            File.WriteAllText($"{directory}/a.c", source);
            Call(Arm64, "-w", "-fsyntax-only", $"{directory}/a.c");
            return [];
        }
        catch (InvalidOperationException error)
        {
            return [.. error.Message.Split('\n').Where(line => line.Contains("error:", StringComparison.Ordinal))];
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static string Call(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program}: {errors.Result}");
    }
}
