using Caisson.Errors;
using Caisson.Linux;
using Caisson.Networks.Addresses;
using Xunit;

namespace Caisson.Networks.Tests.Addresses;

public sealed class AddressTests
{
    [Fact]
    public void The_first_free_block_is_chosen()
    {
        Assert.Equal("172.17.0.0/16", AddressPool.Choose(AddressPool.Default, []).ToString());
        Assert.Equal("172.19.0.0/16", AddressPool.Choose(AddressPool.Default, [Subnet.Parse("172.17.3.0/24"), Subnet.Parse("172.18.0.0/16")]).ToString());
        Assert.Equal("192.168.16.0/20", AddressPool.Choose(AddressPool.Default, [Subnet.Parse("172.16.0.0/12"), Subnet.Parse("192.168.1.0/24")]).ToString());
        Assert.Equal(ErrorKind.ResourceExhausted, Assert.Throws<CaissonException>(() => AddressPool.Choose(AddressPool.Default, [Subnet.Parse("0.0.0.0/0")])).Kind);
    }

    [Fact]
    public void A_unique_local_subnet_is_the_same_again_and_another_for_another_engine()
    {
        var one = AddressPool.ChooseUniqueLocal("/run/a", "net", []);

        Assert.Equal((64, true), (one.PrefixLength, Subnet.Parse("fd00::/8").Contains(one)));
        Assert.Equal(one, AddressPool.ChooseUniqueLocal("/run/a", "net", []));
        Assert.NotEqual(one, AddressPool.ChooseUniqueLocal("/run/b", "net", []));
        Assert.NotEqual(one, AddressPool.ChooseUniqueLocal("/run/a", "net", [one]));
    }

    [Fact]
    public void Addresses_are_given_once_and_again_only_after_the_others()
    {
        var space = new AddressSpace(Subnet.Parse("10.0.0.0/29"));
        space.Take(InternetAddress.Parse("10.0.0.1"), "gateway");
        var given = Enumerable.Range(0, 5).Select(i => space.TakeAny($"c{i}").ToString()).ToList();
        Assert.Equal(["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"], given);
        Assert.Equal(ErrorKind.ResourceExhausted, Assert.Throws<CaissonException>(() => space.TakeAny("x")).Kind);

        space.Release(InternetAddress.Parse("10.0.0.5"));
        space.Release(InternetAddress.Parse("10.0.0.2"));

        Assert.Equal("10.0.0.2", space.TakeAny("y").ToString());
        Assert.Equal("10.0.0.5", space.TakeAny("z").ToString());
    }

    [Theory]
    [InlineData("10.0.0.0")]
    [InlineData("10.0.0.7")]
    [InlineData("10.0.1.1")]
    [InlineData("fd00::1")]
    public void What_no_host_can_have_is_refused(string address)
    {
        var space = new AddressSpace(Subnet.Parse("10.0.0.0/29"));

        Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<CaissonException>(() => space.Take(InternetAddress.Parse(address), "x")).Kind);
    }

    [Fact]
    public void A_range_is_where_addresses_come_from_that_nobody_names()
    {
        var space = new AddressSpace(Subnet.Parse("10.0.0.0/16"), Subnet.Parse("10.0.5.0/24"));

        Assert.Equal("10.0.5.0", space.TakeAny("x").ToString());
    }

    [Theory]
    [InlineData("1.2.3")]
    [InlineData("01.2.3.4")]
    [InlineData("1.2.3.256")]
    [InlineData("fe80::1%eth0")]
    [InlineData("[::1]")]
    [InlineData("")]
    public void Texts_that_are_no_address_are_none(string text) => Assert.False(InternetAddress.TryParse(text, out _));

    [Fact]
    public void The_link_local_address_is_the_kernels() =>
        Assert.Equal("fe80::42:acff:fe11:2", HardwareAddress.TryParse("02:42:ac:11:00:02", out var address) ? address.LinkLocalAddress().ToString() : "");
}
