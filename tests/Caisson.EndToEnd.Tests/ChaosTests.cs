using Caisson.EndToEnd.Tests.Chaos;
using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>kill -9 of engine, keeper and monitors at random moments. CAISSON_KILLS, CAISSON_CLIENTS and CAISSON_SEED say how much of it.</summary>
public sealed class ChaosTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Killing_our_processes_at_random_loses_nothing_and_leaves_nothing()
    {
        string? binaries = Engine.FindBinaries();
        Assert.SkipWhen(binaries is null, "needs the published binaries: run ./test, which publishes them");
        using ChaosRun run = new(ChaosSize.FromEnvironment(), binaries);

        try
        {
            await run.RunAsync();
        }
        finally
        {
            output.WriteLine(run.Summary);
            output.WriteLine(run.EngineLog);
        }

        Assert.True(run.Faults.Count == 0, string.Join('\n', run.Faults));
    }
}
