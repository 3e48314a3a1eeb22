using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Caisson.Cli.Tests")]
