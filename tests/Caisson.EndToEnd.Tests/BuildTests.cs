using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>Images of Dockerfiles, with each of the two command lines.</summary>
public sealed class BuildTests(Engine engine) : IClassFixture<Engine>
{
    [Theory]
    [InlineData("caisson")]
    [InlineData("docker")]
    public void A_build_runs_its_steps_and_a_second_one_runs_none(string client)
    {
        engine.SkipUnlessPublished();
        string tag = $"built-{client}";
        string context = Context(tag, $"""
            FROM busybox AS made
            RUN echo {client} > /made
            FROM busybox
            ENV GREETING=hello
            COPY --from=made /made /made
            COPY file /dir/
            RUN echo "$GREETING $(cat /made) $(cat /dir/file)" > /all && id -u >> /all
            CMD ["cat", "/all"]
            """);

        var first = Build(client, tag, context);
        var second = Build(client, tag, context);
        var run = engine.By(client, "run", "--rm", "--network", "none", tag);

        Assert.True(first.Code == 0, first.ToString());
        Assert.True(second.Code == 0, second.ToString());
        Assert.Contains(client == "docker" ? "Using cache" : "CACHED", second.Output + second.Error, StringComparison.Ordinal);
        Assert.Equal(new Answer(0, $"hello {client} content\n0\n", ""), run);
    }

    [Fact]
    public void A_cache_in_a_directory_spares_the_steps_of_another_build()
    {
        engine.SkipUnlessPublished();
        string context = Context("cached", "FROM busybox\nCOPY file /f\nRUN --network=none cat /f > /g\n");
        string cache = engine.NewDirectory("cache");

        var written = engine.Caisson("build", "-t", "cached", "--cache-to", $"type=local,dest={cache},mode=max", context);
        var removed = engine.Caisson("rmi", "cached");
        var pruned = engine.Caisson("builder", "prune", "-f");
        var again = engine.Caisson("build", "-t", "cached", "--cache-from", $"type=local,src={cache}", context);

        Assert.True(written.Code == 0, written.ToString());
        Assert.True(removed.Code == 0, removed.ToString());
        Assert.True(pruned.Code == 0, pruned.ToString());
        Assert.True(again.Code == 0, again.ToString());
        Assert.DoesNotContain("DONE", again.Error, StringComparison.Ordinal);
        Assert.Equal(new Answer(0, "content\n", ""), engine.Caisson("run", "--rm", "--network", "none", "cached", "cat", "/g"));
    }

    [Fact]
    public void Several_machines_make_images_and_a_program_of_another_is_refused()
    {
        engine.SkipUnlessPublished();
        string copies = Context("machines", "FROM scratch\nCOPY file /f\n");
        string runs = Context("foreign", "FROM scratch\nCOPY file /f\nRUN [\"/f\"]\n");

        var made = engine.Caisson("build", "-t", "machines", "--platform", "linux/amd64,linux/riscv64", "--provenance", "true", copies);
        var refused = engine.Caisson("build", "--platform", "linux/s390x", runs);

        Assert.True(made.Code == 0, made.ToString());
        Assert.Equal(new Answer(0, "amd64\n", ""), engine.Caisson("image", "inspect", "--format", "{{.Architecture}}", "machines"));
        Assert.NotEqual(0, refused.Code);
        Assert.Contains("qemu-s390x", refused.Error, StringComparison.Ordinal);
        Assert.Contains(">   3 |", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_built_image_that_is_saved_and_loaded_is_the_same()
    {
        engine.SkipUnlessPublished();
        string context = Context("saved", "FROM busybox\nCOPY file /f\nRUN --network=none rm /bin/true && ln /f /h\n");
        string archive = $"{engine.NewDirectory("saved-out")}/image.tar";

        var built = engine.Caisson("build", "-q", "-t", "saved", context);
        var saved = engine.Caisson("save", "-o", archive, "saved");
        var removed = engine.Caisson("rmi", "saved");
        var loaded = engine.Caisson("load", "-i", archive);

        Assert.True(built.Code == 0, built.ToString());
        Assert.True(saved.Code == 0, saved.ToString());
        Assert.True(removed.Code == 0, removed.ToString());
        Assert.True(loaded.Code == 0, loaded.ToString());
        Assert.Equal(new Answer(0, "content\n", ""), engine.Caisson("run", "--rm", "--network", "none", "saved", "cat", "/h"));
    }

    [Theory]
    [InlineData("caisson")]
    [InlineData("docker")]
    public void A_step_that_fails_is_shown_with_its_line(string client)
    {
        engine.SkipUnlessPublished();
        string context = Context($"fails-{client}", "FROM busybox\nRUN echo before && false\n");

        var answer = Build(client, "never", context);

        Assert.NotEqual(0, answer.Code);
        Assert.Contains("non-zero code: 1", answer.Output + answer.Error, StringComparison.Ordinal);
        Assert.Contains(">   2 | RUN echo before && false", answer.Output + answer.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("caisson")]
    [InlineData("docker")]
    public void A_Dockerfile_that_is_wrong_is_refused_with_everything_that_is_wrong(string client)
    {
        engine.SkipUnlessPublished();
        string context = Context($"wrong-{client}", "FROM busybox\nCPY a b\nENV x\n");

        var answer = Build(client, "never", context);

        Assert.NotEqual(0, answer.Code);
        Assert.Contains("Dockerfile:2: unknown instruction 'CPY'; did you mean 'COPY'?", answer.Output + answer.Error, StringComparison.Ordinal);
        Assert.Contains("Dockerfile:3: ENV needs a name and a value", answer.Output + answer.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_secret_is_given_to_its_step_and_is_nowhere_in_the_image()
    {
        engine.SkipUnlessPublished();
        string context = Context("secret", "FROM busybox\nRUN --mount=type=secret,id=token sha256sum < /run/secrets/token > /sum\n");
        File.WriteAllText($"{context}/../token", "very secret");

        var built = engine.Caisson("build", "--secret", $"id=token,src={context}/../token", "-t", "secret", context);
        var found = engine.Caisson("run", "--rm", "--network", "none", "secret", "sh", "-c", "cat /sum; ls /run");

        Assert.True(built.Code == 0, built.ToString());
        Assert.StartsWith(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("very secret"u8)), found.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("secrets", found.Output, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateDirectories("/dev/shm", "caisson-build-*"));
    }

    [Fact]
    public void Links_of_a_context_or_a_root_never_lead_out()
    {
        engine.SkipUnlessPublished();
        string context = Context("links", "FROM busybox\nRUN ln -s /../../../../etc /out && ln -s ../../../../../../tmp /up\nCOPY file /out/escaped\nCOPY file /up/escaped\nCOPY link /copied\n");
        File.CreateSymbolicLink($"{context}/link", "/etc/hostname");

        var built = engine.Caisson("build", "-t", "links", context);

        Assert.NotEqual(0, built.Code); // the link's target is not in the context
        Assert.Contains("'link' is not in the context", built.Error, StringComparison.Ordinal);
        Assert.False(File.Exists("/etc/escaped"));
        Assert.False(File.Exists("/tmp/escaped"));
    }

    [Fact]
    public void The_same_moment_gives_the_same_image()
    {
        engine.SkipUnlessPublished();
        string context = Context("epoch", "FROM busybox\nRUN echo x > /x\nCOPY file /y\n");

        var first = engine.Caisson("build", "-q", "--no-cache", "--build-arg", "SOURCE_DATE_EPOCH=1000000000", context);
        var second = engine.Caisson("build", "-q", "--no-cache", "--build-arg", "SOURCE_DATE_EPOCH=1000000000", context);

        Assert.True(first.Code == 0, first.ToString());
        Assert.Equal(first.Output, second.Output);
    }

    [Fact]
    public void Compose_builds_what_is_not_there()
    {
        engine.SkipUnlessPublished();
        string context = Context("composed", "FROM busybox\nARG WHAT\nRUN echo \"$WHAT\" > /what\nCMD [\"cat\", \"/what\"]\n");
        File.WriteAllText($"{context}/compose.yaml", "services:\n  one:\n    network_mode: none\n    build:\n      context: .\n      args:\n        WHAT: composed\n");

        var up = engine.Caisson("compose", "-f", $"{context}/compose.yaml", "-p", "composed", "up", "--no-color");
        engine.Caisson("compose", "-f", $"{context}/compose.yaml", "-p", "composed", "down");

        Assert.True(up.Code == 0, up.ToString());
        Assert.Contains("composed", up.Output, StringComparison.Ordinal);
    }

    private string Context(string name, string dockerfile)
    {
        string context = engine.NewDirectory($"build-{name}/context");
        File.WriteAllText($"{context}/Dockerfile", dockerfile);
        File.WriteAllText($"{context}/file", "content\n");
        return context;
    }

    private Answer Build(string client, string tag, string context)
    {
        if (client == "caisson")
        {
            return engine.Caisson("build", "-t", tag, context);
        }
        Assert.SkipUnless(Engine.HasDocker, "needs the docker command line");
        return engine.Host("env", "DOCKER_BUILDKIT=0", "docker", "-H", $"unix://{engine.Run}/docker.sock", "build", "-t", tag, context);
    }
}
