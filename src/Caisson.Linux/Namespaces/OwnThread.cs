using System.Runtime.ExceptionServices;

namespace Caisson.Linux;

/// <summary>Runs something on a thread that ends afterwards, with all that was changed of it: namespaces, ids, capabilities.</summary>
internal static class OwnThread
{
    internal static void Run(Action action)
    {
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                action();
            }
#pragma warning disable CA1031 // carried to the calling thread
            catch (Exception e)
#pragma warning restore CA1031
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
    }
}
