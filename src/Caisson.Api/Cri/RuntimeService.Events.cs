using Caisson.Api.Grpc;
using Caisson.Control.Sandboxes;
using Caisson.Errors;

namespace Caisson.Api.Cri;

internal sealed partial class RuntimeService
{
    /// <summary>Tells what happens until the client has heard enough.</summary>
    private async Task GetContainerEventsAsync(V1.GetEventsRequest request, GrpcSend<V1.ContainerEventResponse> send, CancellationToken cancellation)
    {
        await foreach (SandboxEvent told in pods.Listen(cancellation).ReadAllAsync(cancellation))
        {
            var answer = new V1.ContainerEventResponse
            {
                ContainerId = told.Id,
                ContainerEventType = told.Kind switch
                {
                    SandboxEventKind.Created => V1.ContainerEventType.ContainerCreatedEvent,
                    SandboxEventKind.Started => V1.ContainerEventType.ContainerStartedEvent,
                    SandboxEventKind.Stopped => V1.ContainerEventType.ContainerStoppedEvent,
                    _ => V1.ContainerEventType.ContainerDeletedEvent,
                },
                CreatedAt = CriAnswers.Time(told.At),
            };
            try
            {
                answer.PodSandboxStatus = CriAnswers.Status(pods.Find(told.SandboxId));
                answer.ContainersStatuses.Add(pods.ContainersOf(told.SandboxId).Select(one => CriAnswers.Status(one.Record, one.Workload, Services.Images)));
            }
            catch (CaissonException error) when (error.Kind == ErrorKind.NotFound)
            {
                // The sandbox is gone: that is what is told.
            }
            await send(answer);
        }
    }
}
