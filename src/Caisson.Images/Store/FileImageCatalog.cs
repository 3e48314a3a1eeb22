using System.Text.Json;
using System.Text.Json.Serialization;

using Caisson.Errors;
using Caisson.Oci;

namespace Caisson.Images.Store;

/// <summary>The catalog as one JSON file that is replaced whole; changes of several processes are serialised by a lock file.</summary>
public sealed class FileImageCatalog : IImageCatalog
{
    private readonly Lock _sync = new();
    private readonly string _path;

    /// <summary>Keeps the catalog at <paramref name="path"/>, which need not exist; its directory is created.</summary>
    public FileImageCatalog(string path)
    {
        _path = path;
        DurableFile.CreateDurableDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    /// <inheritdoc/>
    public IReadOnlyList<ImageRecord> List()
    {
        if (!File.Exists(_path))
        {
            return [];
        }
        try
        {
            byte[] content = File.ReadAllBytes(_path);
            var document = JsonSerializer.Deserialize(content, CatalogJson.Default.CatalogDocument);
            return document is { Version: 1 }
                ? document.Images
                : throw new CaissonException(ErrorKind.FailedPrecondition,
                    $"the image catalog {_path} has version {document?.Version}; this build knows 1");
        }
        catch (JsonException e)
        {
            throw new CaissonException(ErrorKind.Internal, $"the image catalog {_path} is damaged: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public ImageRecord? Find(Digest manifest) => List().FirstOrDefault(record => record.Manifest == manifest);

    /// <inheritdoc/>
    public ImageRecord? Find(string name) => List().FirstOrDefault(record => record.Names.Contains(name));

    /// <inheritdoc/>
    public void Put(ImageRecord record) => Change(images =>
    {
        for (int i = 0; i < images.Count; i++)
        {
            if (images[i].Names.Any(record.Names.Contains))
            {
                images[i] = images[i] with { Names = [.. images[i].Names.Except(record.Names)] };
            }
        }
        images.RemoveAll(image => image.Manifest == record.Manifest);
        images.Add(record with { Names = [.. record.Names.Distinct().Order(StringComparer.Ordinal)] });
        return true;
    });

    /// <inheritdoc/>
    public bool Remove(Digest manifest) => Change(images => images.RemoveAll(image => image.Manifest == manifest) > 0);

    private bool Change(Func<List<ImageRecord>, bool> change)
    {
        lock (_sync)
        {
            using FileStream held = AcquireLock();
            List<ImageRecord> images = [.. List()];
            if (!change(images))
            {
                return false;
            }
            images.Sort((a, b) => a.Manifest.CompareTo(b.Manifest));
            DurableFile.Replace(_path,
                JsonSerializer.SerializeToUtf8Bytes(new CatalogDocument(1, images), CatalogJson.Default.CatalogDocument));
            return true;
        }
    }

    /// <summary>Waits for the lock file; .NET holds a file opened without sharing by flock(2), which ends with the process.</summary>
    private FileStream AcquireLock()
    {
        const int WaitsMax = 2000;

        for (int waits = 0; ; waits++)
        {
            try
            {
                return new FileStream(_path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 0);
            }
            catch (IOException e) when (waits < WaitsMax && e is not DirectoryNotFoundException)
            {
                Thread.Sleep(5);
            }
            catch (IOException e)
            {
                throw new CaissonException(ErrorKind.Unavailable, $"another process holds the image catalog {_path}", e);
            }
        }
    }
}

/// <summary>The file's content.</summary>
internal sealed record CatalogDocument(int Version, IReadOnlyList<ImageRecord> Images);

/// <summary>Its generated reader and writer.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(CatalogDocument))]
internal sealed partial class CatalogJson : JsonSerializerContext;
