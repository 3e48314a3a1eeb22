using System.Runtime.CompilerServices;
using Xunit;

namespace Caisson.Containers.Tests;

/// <summary>Compares text with a file beside the test's source; <c>UPDATE_GOLDEN=1</c> writes the file, and the diff is the review.</summary>
internal static class Golden
{
    public static void Check(string actual, string file, [CallerFilePath] string source = "")
    {
        string path = Path.Combine(Path.GetDirectoryName(source)!, file);
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1")
        {
            File.WriteAllText(path, actual);
        }

        Assert.True(File.Exists(path), $"{file} is missing; run with UPDATE_GOLDEN=1 to write it");
        Assert.Equal(File.ReadAllText(path), actual);
    }

    public static string Read(string file, [CallerFilePath] string source = "") =>
        File.ReadAllText(Path.Combine(Path.GetDirectoryName(source)!, file));
}
