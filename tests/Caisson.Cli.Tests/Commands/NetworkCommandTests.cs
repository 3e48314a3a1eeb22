using Xunit;

namespace Caisson.Cli.Tests.Commands;

/// <summary>What the network commands and options send.</summary>
public sealed class NetworkCommandTests
{
    [Theory]
    [InlineData("""{"Name":"n"}""", "network", "create", "n")]
    [InlineData(
        """{"Name":"n","Driver":"macvlan","Internal":true,"EnableIPv6":true,"IPAM":{"Config":[{"Subnet":"10.1.0.0/16","Gateway":"10.1.0.9"},{"Subnet":"fd00::/64","IPRange":"fd00::/80"}]},"Options":{"parent":"eth0"},"Labels":{"a":"b"}}""",
        "network", "create", "-d", "macvlan", "--internal", "--ipv6", "--subnet", "10.1.0.0/16", "--subnet", "fd00::/64", "--ip-range", "fd00::/80",
        "--gateway", "10.1.0.9", "-o", "parent=eth0", "--label", "a=b", "n")]
    [InlineData(
        """{"Container":"web","EndpointConfig":{"Aliases":["db"],"IPAMConfig":{"IPv4Address":"10.1.0.5"}}}""",
        "network", "connect", "--alias", "db", "--ip", "10.1.0.5", "n", "web")]
    [InlineData("""{"Container":"web"}""", "network", "connect", "n", "web")]
    [InlineData(
        """{"Container":"web","EndpointConfig":{"Links":["postgres:db"]}}""", "network", "connect", "--link", "postgres:db", "n", "web")]
    [InlineData(
        """{"Name":"n","IPAM":{"Config":[{"Subnet":"10.1.0.0/16","AuxiliaryAddresses":{"printer":"10.1.0.9"}}]}}""",
        "network", "create", "--subnet", "10.1.0.0/16", "--aux-address", "printer=10.1.0.9", "n")]
    [InlineData("""{"Container":"web","Force":true}""", "network", "disconnect", "-f", "n", "web")]
    [InlineData(
        "\"NetworkingConfig\":{\"EndpointsConfig\":{\"n\":{\"Aliases\":[\"db\"],\"MacAddress\":\"02:00:00:00:00:09\",\"IPAMConfig\":{\"IPv4Address\":\"10.1.0.5\",\"IPv6Address\":\"fd00::5\"}},\"m\":{}}}",
        "create", "--network", "n", "--network", "m", "--network-alias", "db", "--ip", "10.1.0.5", "--ip6", "fd00::5", "--mac-address", "02:00:00:00:00:09", "busybox")]
    public void The_engine_is_sent_what_was_asked_for(string body, params string[] words)
    {
        using var server = OutputTests.Answering("{\"Id\":\"53b3\",\"Warnings\":[]}");
        var command = new CommandRunner();

        int exitCode = command.Run(server, words);

        Assert.Equal("", command.Error);
        Assert.Equal(0, exitCode);
        Assert.Contains(body, server.Requests[^1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"PortBindings":{"443/tcp":[{"HostIp":"","HostPort":"8443"}],"80/tcp":[{"HostIp":"","HostPort":"8080"},{"HostIp":"127.0.0.1","HostPort":"81"}]}}""", "--publish-add", "8443:443")]
    [InlineData("""{"PortBindings":{}}""", "--publish-rm", "80")]
    [InlineData("""{"PortBindings":{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"81"}]}}""", "--publish-rm", "8080:80")]
    [InlineData(
        """{"PortBindings":{"53/udp":[{"HostIp":"","HostPort":"53"}]},"PortTakeover":"blue"}""", "--publish-rm", "80/tcp", "--publish-add", "53:53/udp", "--publish-from", "blue")]
    public void Published_ports_are_changed_beside_those_there_are(string body, params string[] options)
    {
        using var server = Publishing("""{"80/tcp":[{"HostIp":"","HostPort":"8080"},{"HostIp":"127.0.0.1","HostPort":"81"}]}""");
        var command = new CommandRunner();

        int exitCode = command.Run(server, ["update", .. options, "web"]);

        Assert.Equal(("", 0), (command.Error, exitCode));
        Assert.EndsWith(body, server.Requests[^1].TrimEnd(), StringComparison.Ordinal);
    }

    /// <summary>An engine with one container that publishes that, asked on one connection until it is changed.</summary>
    private static ScriptedServer Publishing(string bindings) => new(connection =>
    {
        string request;
        do
        {
            request = connection.Receive();
            if (request.StartsWith("HEAD /_ping", StringComparison.Ordinal))
            {
                connection.Send("HTTP/1.1 200 OK\r\nApi-Version: 1.43\r\nContent-Length: 0\r\n\r\n");
            }
            else
            {
                connection.Json($$"""{"Id":"53b3","State":{},"Config":{},"NetworkSettings":{},"HostConfig":{"PortBindings":{{bindings}}},"Warnings":[]}""");
            }
        }
        while (!request.StartsWith("POST", StringComparison.Ordinal));
    });

    [Fact]
    public void A_port_that_is_not_published_is_not_removed()
    {
        using var server = Publishing("null");
        var command = new CommandRunner();

        Assert.Equal(1, command.Run(server, "update", "--publish-rm", "80", "web"));
        Assert.Contains("web does not publish 80", command.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gateway_needs_the_subnet_it_is_in()
    {
        var command = new CommandRunner();

        int exitCode = command.Run("network", "create", "--gateway", "10.1.0.1", "n");

        Assert.Equal(1, exitCode);
        Assert.Contains("must have a corresponding subnet", command.Error, StringComparison.Ordinal);
    }
}
