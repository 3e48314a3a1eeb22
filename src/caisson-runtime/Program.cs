using Caisson.Containers.Monitor;

return args is ["keeper", ..] ? Keeper.Main(args) : 0;
