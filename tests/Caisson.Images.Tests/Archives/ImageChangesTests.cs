using Caisson.Errors;
using Caisson.Images.Archives;
using Caisson.Oci;

using Xunit;

namespace Caisson.Images.Tests.Archives;

public sealed class ImageChangesTests
{
    [Fact]
    public void Lines_of_a_dockerfile_change_how_an_image_runs()
    {
        ExecutionConfig config = ImageChanges.Apply(new ExecutionConfig { Env = ["A=1", "B=2"] },
        [
            """CMD ["nginx", "-g"]""", "entrypoint run it", "ENV A=9 C=\"x y\"", "ENV OLD the rest of it", "EXPOSE 80 53/udp", "LABEL k=v 'a b'=c",
            "USER 5:6", "WORKDIR /srv", "WORKDIR sub", """VOLUME ["/data"]""", "VOLUME /a /b", "STOPSIGNAL SIGINT", "ONBUILD RUN x",
        ]);

        Assert.Equal(["nginx", "-g"], config.Cmd!);
        Assert.Equal(["/bin/sh", "-c", "run it"], config.Entrypoint!);
        Assert.Equal(["B=2", "A=9", "C=x y", "OLD=the rest of it"], config.Env!);
        Assert.Equal(["80/tcp", "53/udp"], config.ExposedPorts!);
        Assert.Equal("c", config.Labels!["a b"]);
        Assert.Equal("/srv/sub", config.WorkingDir);
        Assert.Equal(["/data", "/a", "/b"], config.Volumes!);
        Assert.Equal(("5:6", "SIGINT"), (config.User, config.StopSignal));
    }

    [Fact]
    public void Every_line_that_is_wrong_is_reported_at_its_place()
    {
        var refused = Assert.Throws<ProblemsException>(() => ImageChanges.Apply(new ExecutionConfig(), ["RUN x", "CMD", "ENV x", "USER ok"]));

        Assert.Equal(["/0", "/1", "/2"], refused.Problems.Select(problem => problem.Path));
    }
}
