using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Caisson.Containers.Tests")]
[assembly: InternalsVisibleTo("Caisson.Control.Tests")]
