using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Caisson.Images.Tests")]

// The registry is the store's other face: it keeps the same blobs and fetches by the same client.
[assembly: InternalsVisibleTo("Caisson.Registry")]
[assembly: InternalsVisibleTo("Caisson.Registry.Tests")]
