using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Caisson.Trust.Tests")]
