using Caisson.Images;
using Caisson.Images.Registry;
using Caisson.Images.Store;

namespace Caisson.Registry.Tests;

/// <summary>A store of images in a directory of its own, impatient with registries.</summary>
public sealed class Workshop : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("caisson-registry-").FullName;

    public Workshop(RegistrySettings? settings = null) => Store = ImageStore.Open(
        Path.Join(_directory, "images"),
        new FileImageCatalog(Path.Join(_directory, "catalog.json")),
        registries: (settings ?? RegistrySettings.None) with { Patience = Impatient });

    public static RegistryPatience Impatient { get; } = new()
    {
        Answer = TimeSpan.FromSeconds(20),
        Stall = TimeSpan.FromSeconds(1),
        Retries = 2,
        FirstDelay = TimeSpan.FromMilliseconds(10),
    };

    public ImageStore Store { get; }

    public string PathOf(string name) => Path.Join(_directory, name);

    /// <summary>What is left in the content store; nothing after a pull that failed.</summary>
    public int Blobs => Store.Blobs.List().Count() + Directory.GetFiles(PathOf("images/content/ingest")).Length;

    public void Dispose()
    {
        Store.Dispose();
        Directory.Delete(_directory, recursive: true);
    }
}
