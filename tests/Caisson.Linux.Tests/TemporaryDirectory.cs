namespace Caisson.Linux.Tests;

/// <summary>A directory of one test, gone with it.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public TemporaryDirectory()
    {
        Path = System.IO.Directory.CreateTempSubdirectory("caisson-test-").FullName;
        Root = RootDirectory.Open(Path);
    }

    public string Path { get; }

    public RootDirectory Root { get; }

    public string Make(string directory) => System.IO.Directory.CreateDirectory($"{Path}/{directory}").FullName;

    public string Write(string file, string text)
    {
        System.IO.File.WriteAllText($"{Path}/{file}", text);
        return $"{Path}/{file}";
    }

    public void Dispose()
    {
        Root.Directory.RemoveContents();
        Root.Dispose();
        System.IO.Directory.Delete(Path);
    }
}
