using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Caisson.Images.Tests")]
