using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Caisson.Registry.Tests")]
