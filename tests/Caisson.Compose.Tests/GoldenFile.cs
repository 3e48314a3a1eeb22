using System.Runtime.CompilerServices;

using Xunit;

namespace Caisson.Compose.Tests;

/// <summary>Text compared with a file beside the tests; <c>UPDATE_GOLDEN=1</c> rewrites it, and the diff is the review.</summary>
internal static class GoldenFile
{
    public static void Match(string name, string actual, [CallerFilePath] string caller = "")
    {
        string path = Path.Combine(Path.GetDirectoryName(caller)!, "Golden", name);
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1")
        {
            File.WriteAllText(path, actual);
            return;
        }
        Assert.Equal(File.ReadAllText(path), actual);
    }
}
