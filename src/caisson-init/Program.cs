Caisson.Init.GuestInit.Run();
