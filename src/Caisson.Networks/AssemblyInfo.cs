using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Caisson.Networks.Tests")]
