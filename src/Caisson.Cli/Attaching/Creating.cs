using Caisson.Cli.Commands;
using Caisson.Cli.Formatting;
using Caisson.Cli.Values;
using Caisson.Client;
using Caisson.Client.Containers;
using Caisson.Errors;

namespace Caisson.Cli.Attaching;

/// <summary>The first half of <c>run</c>: a container from a description, its image fetched when it is not there.</summary>
internal static class Creating
{
    public static CreatedContainer Create(Session session, ContainerCommand command, ContainerCreation creation)
    {
        if (command.IdFile.Length > 0 && File.Exists(command.IdFile))
        {
            throw new CaissonException(
                ErrorKind.AlreadyExists, $"container ID file found, make sure the other container isn't running or delete {command.IdFile}");
        }
        if (command.PullPolicy == "always")
        {
            Pull(session, command, creation.Config.Image);
        }
        var created = CreateOrPull(session, command, creation);
        foreach (string warning in created.Warnings)
        {
            session.Error.WriteLine("WARNING: " + warning);
        }
        if (command.IdFile.Length > 0)
        {
            File.WriteAllText(command.IdFile, created.Id);
        }
        return created;
    }

    private static CreatedContainer CreateOrPull(Session session, ContainerCommand command, ContainerCreation creation)
    {
        try
        {
            return session.Engine.CreateContainer(creation, command.Name, command.Platform);
        }
        catch (EngineException e) when (e.Status == 404 && command.PullPolicy == "missing" && IsAboutImage(e))
        {
            session.Error.WriteLine($"Unable to find image '{ImageName.Parse(creation.Config.Image).Familiar}' locally");
            PullOrExplain(session, command, creation.Config.Image, e);
            return session.Engine.CreateContainer(creation, command.Name, command.Platform);
        }
    }

    private static void PullOrExplain(Session session, ContainerCommand command, string image, EngineException missing)
    {
        try
        {
            Pull(session, command, image);
        }
        catch (EngineException e) when (e.Kind == ErrorKind.Unimplemented)
        {
            // An engine without registries: that the image is missing says more than that it cannot be fetched.
            throw missing;
        }
    }

    private static void Pull(Session session, ContainerCommand command, string image)
    {
        var name = ImageName.Parse(image);
        using var response = session.Engine.PullImage(name.Repository, name.Tag.Length == 0 ? "latest" : name.Tag, command.Platform);
        ProgressDisplay.Show(session, response.Body, command.Quiet.Value ? TextWriter.Null : session.Error);
    }

    private static bool IsAboutImage(EngineException e) => e.Message.Contains("image", StringComparison.OrdinalIgnoreCase);
}
