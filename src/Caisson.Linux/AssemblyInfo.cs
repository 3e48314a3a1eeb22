using System.Runtime.CompilerServices;

[assembly: DisableRuntimeMarshalling]
[assembly: InternalsVisibleTo("Caisson.Abi.Tests")]
[assembly: InternalsVisibleTo("Caisson.Linux.Tests")]
