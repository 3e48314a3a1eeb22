using Caisson.Containers.Cgroups;
using Caisson.Errors;
using Caisson.Linux;
using Xunit;

namespace Caisson.Containers.Tests.Cgroups;

public sealed class CgroupRunnerTests
{
    [Fact]
    public void Groups_are_made_while_others_remove_the_last_group_of_the_same_parent()
    {
        var layout = CgroupLayout.Detect();
        var facts = CgroupHost.FactsOf(layout);
        string parent = $"caisson-test-{Guid.NewGuid():N}";
        int made = 0;

        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, worker =>
        {
            for (int i = 0; i < 60; i++)
            {
                List<Problem> problems = [];
                string id = $"{worker}-{i}";
                var plan = CgroupPlan.Compile(new CgroupConfig { Id = id, Path = $"/{parent}/{id}", SkipDevices = true }, facts, problems);
                var directories = CgroupRunner.Make(plan, layout);
                CgroupRunner.Remove(directories);
                foreach (var hierarchy in layout.Hierarchies)
                {
                    TryRemove($"{hierarchy.MountPoint}/{parent}");
                }
                Interlocked.Increment(ref made);
            }
        });

        Assert.Equal(480, made);
        Assert.DoesNotContain(layout.Hierarchies, hierarchy => Directory.Exists($"{hierarchy.MountPoint}/{parent}"));
    }

    private static void TryRemove(string directory)
    {
        try
        {
            Directory.Delete(directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Another's group is in it, or it is gone.
        }
    }
}
