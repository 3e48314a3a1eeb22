using Caisson.Init;
using Caisson.Machines.Agent;

if (args is [GuestArchive.Command, .. var words])
{
    return GuestArchiveProgram.Run(words);
}
GuestInit.Run();
return 0;
