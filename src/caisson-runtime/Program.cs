using Caisson.Containers.Monitor;
using Caisson.Runtime;

return args is ["keeper", ..] ? Keeper.Main(args) : RuntimeCommandLine.Run(args);
