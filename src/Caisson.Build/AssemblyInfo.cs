using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Caisson.Build.Tests")]
