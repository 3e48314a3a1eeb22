using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Caisson.Qmp.Tests")]
