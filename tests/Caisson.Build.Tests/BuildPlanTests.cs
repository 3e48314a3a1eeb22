using Caisson.Build.Dockerfiles;
using Caisson.Build.Instructions;
using Caisson.Build.Plans;
using Caisson.Errors;
using Caisson.Oci;

using Xunit;

namespace Caisson.Build.Tests;

public sealed class BuildPlanTests
{
    private readonly List<Problem> _problems = [];

    [Fact]
    public void Stages_that_the_target_does_not_need_are_left_out()
    {
        BuildPlan plan = Compile("FROM scratch AS a\nFROM scratch AS b\nFROM a AS c\nCOPY --from=0 /x /x\nFROM c\n")!;

        Assert.Equal([0, 2, 3], plan.Needed);
        Assert.Equal(new FileOrigin.Stage(2), plan.Stages[3].Base);
    }

    [Fact]
    public void A_target_is_found_by_name_or_number()
    {
        Assert.Equal(0, Compile("FROM scratch AS a\nFROM scratch\n", new BuildOptions { Target = "A" })!.Target);
        Assert.Equal(1, Compile("FROM scratch AS a\nFROM scratch\n", new BuildOptions { Target = "1" })!.Target);
    }

    [Fact]
    public void Arguments_in_front_of_the_first_stage_are_used_in_FROM()
    {
        BuildPlan plan = Compile("ARG V=1\nARG N=x:$V\nFROM ${N}\n", new BuildOptions { Arguments = new Dictionary<string, string> { ["V"] = "2" } })!;

        Assert.Equal(new FileOrigin.Image("x:2"), plan.Stages[0].Base);
    }

    [Theory]
    [InlineData("FROM a\nCPY x y\n", "unknown instruction 'CPY'; did you mean 'COPY'?")]
    [InlineData("RUN x\nFROM a\n", "in front of the first FROM")]
    [InlineData("FROM a b c d\n", "FROM needs one image")]
    [InlineData("FROM a AS 1x\n", "no name of a stage")]
    [InlineData("FROM a AS x\nFROM b AS X\n", "is called 'x', too")]
    [InlineData("FROM $V\n", "is empty")]
    [InlineData("FROM a\nCOPY x\n", "at least two paths")]
    [InlineData("FROM a\nCOPY --chwn=1 x y\n", "did you mean 'chown'?")]
    [InlineData("FROM a\nENV x\n", "needs a name and a value")]
    [InlineData("FROM a\nENV x=1 y\n", "has no '='")]
    [InlineData("FROM a\nSHELL sh -c\n", "list in JSON")]
    [InlineData("FROM a\nHEALTHCHECK --interval=1 CMD x\n", "duration")]
    [InlineData("FROM a\nHEALTHCHECK CDM x\n", "CMD or NONE")]
    [InlineData("FROM a\nONBUILD ONBUILD RUN x\n", "cannot be followed by ONBUILD")]
    [InlineData("FROM a\nRUN --network=x y\n", "--network is default, none or host")]
    [InlineData("FROM a\nRUN --security=insecure y\n", "not supported")]
    [InlineData("FROM a\nCMD [1]\n", "strings only")]
    [InlineData("FROM a AS x\nCOPY --from=x / /\n", "cannot copy from itself")]
    [InlineData("FROM a\nEXPOSE\n", "needs arguments")]
    public void What_is_wrong_is_told(string text, string message)
    {
        Assert.Null(Compile(text));

        Assert.Contains(_problems, problem => problem.Message.Contains(message, StringComparison.Ordinal));
    }

    [Fact]
    public void All_problems_are_told_at_once()
    {
        Compile("FROM a\nCPY x y\nRNU z\nENV q\n");

        Assert.Equal(["Dockerfile:2", "Dockerfile:3", "Dockerfile:4"], _problems.Select(problem => problem.Path));
    }

    [Fact]
    public void Steps_have_their_variables_replaced()
    {
        List<BuildStep> steps = Steps("""
            FROM scratch
            ARG V=1
            ENV A=$V B="two words" PATH=/bin:$PATH
            WORKDIR /x
            WORKDIR y
            COPY a$V b ./
            RUN echo $A
            USER ${A}:2
            EXPOSE 80 81-82/udp
            CMD ["x", "$A"]
            """, out StageState state);

        Assert.Equal("/x/y", Assert.IsType<BuildStep.MakeDirectory>(steps[3]).Path);
        var copy = Assert.IsType<BuildStep.Copy>(steps[4]);
        Assert.Equal(["a1", "b"], copy.Sources);
        Assert.Equal("/x/y/", copy.Destination);
        var run = Assert.IsType<BuildStep.Run>(steps[5]);
        Assert.Equal(["/bin/sh", "-c", "echo $A"], run.Arguments);
        Assert.Contains("V=1", run.Environment);
        Assert.Contains("A=1", run.Environment);
        Assert.Equal("1:2", state.Config.User);
        Assert.Equal(["80/tcp", "81/udp", "82/udp"], state.Config.ExposedPorts);
        Assert.Equal(["x", "$A"], state.Config.Cmd);
        Assert.Contains("B=two words", state.Config.Env!);
        Assert.DoesNotContain(state.Config.Env!, entry => entry.StartsWith("V=", StringComparison.Ordinal));
    }

    [Fact]
    public void An_entry_point_takes_away_arguments_of_the_image_below()
    {
        BuildPlan plan = Compile("FROM a\nENTRYPOINT [\"x\"]\n")!;
        var state = new StageState(plan, new ExecutionConfig { Cmd = ["old"] }, null, fromScratch: false);

        _ = state.Apply(plan.Stages[0].Instructions[0], _problems);

        Assert.Null(state.Config.Cmd);
        Assert.Equal(["x"], state.Config.Entrypoint);
    }

    [Fact]
    public void A_here_document_is_a_script_or_the_shells_input()
    {
        List<BuildStep> steps = Steps("FROM scratch\nRUN <<EOF\necho a\nEOF\nRUN <<EOF\n#!/bin/x\nEOF\nRUN cat <<A\nb\nA\n", out _);

        Assert.Equal("echo a\n", ((BuildStep.Run)steps[0]).Arguments[2]);
        Assert.Equal("#!/bin/x\n", ((BuildStep.Run)steps[1]).Script);
        Assert.Equal("cat <<A\nb\nA", ((BuildStep.Run)steps[2]).Arguments[2]);
    }

    [Theory]
    [InlineData("type=cache,target=/x,sharing=locked", RunMountKind.Cache, "/x")]
    [InlineData("target=/x,from=a,source=/y", RunMountKind.Bind, "/x")]
    [InlineData("type=secret,id=t", RunMountKind.Secret, "/run/secrets/t")]
    [InlineData("type=tmpfs,dst=/x,size=10m", RunMountKind.Tmpfs, "/x")]
    public void Mounts_are_read(string text, RunMountKind kind, string target)
    {
        RunMount? mount = RunMount.TryParse(text, out string? fault);

        Assert.Null(fault);
        Assert.Equal((kind, target), (mount!.Kind, mount.Target));
    }

    private BuildPlan? Compile(string text, BuildOptions? options = null) =>
        BuildPlan.Compile(Dockerfile.Parse("Dockerfile", text, _problems), options ?? new BuildOptions(), _problems);

    private List<BuildStep> Steps(string text, out StageState state)
    {
        BuildPlan plan = Compile(text)!;
        StageState own = state = new StageState(plan, new ExecutionConfig(), null, fromScratch: true);
        List<BuildStep> steps = [.. plan.Stages[0].Instructions.Select(instruction => own.Apply(instruction, _problems)!)];
        Assert.Empty(_problems);
        return steps;
    }
}
