return Caisson.Cli.CaissonCommandLine.Run(args);
