using Caisson.Linux;

namespace Caisson.Images.Tests;

/// <summary>A directory of the test's own, gone with everything in it at the end.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public TemporaryDirectory()
    {
        Path = System.IO.Path.Join(System.IO.Path.GetTempPath(), "caisson-images-" + Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(Path);
    }

    public string Path { get; }

    public string this[string name] => System.IO.Path.Join(Path, name);

    public void Dispose()
    {
        using DirectoryDescriptor parent = HostFiles.OpenDirectory(System.IO.Path.GetDirectoryName(Path)!);
        parent.RemoveTree(System.IO.Path.GetFileName(Path));
    }
}
