return Caisson.Machine.MachineCommand.Run(args);
