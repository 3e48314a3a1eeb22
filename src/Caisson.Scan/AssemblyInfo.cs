using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Caisson.Scan.Tests")]
