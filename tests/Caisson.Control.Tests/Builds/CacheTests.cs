using System.Text;

using Caisson.Control.Builds;
using Caisson.Errors;
using Caisson.Oci;

using Xunit;

namespace Caisson.Control.Tests.Builds;

public sealed class CacheTests
{
    private static readonly Digest Layer = Digest.Of("layer"u8);

    [Fact]
    public void A_cache_is_a_name_or_a_type_with_fields()
    {
        CacheAddress name = CacheAddress.Parse("example.org/app:cache", isTarget: false);
        CacheAddress directory = CacheAddress.Parse("type=local,dest=/var/cache,mode=max,ignore-error=true", isTarget: true);

        Assert.Equal("example.org/app:cache", name.Reference!.ToString());
        Assert.Equal(("/var/cache", true, true), (directory.Directory, directory.AllStages, directory.IgnoreErrors));
    }

    [Theory]
    [InlineData("type=local,dest=relative")]
    [InlineData("type=local")]
    [InlineData("type=registry")]
    [InlineData("type=registry,ref=app,mode=some")]
    [InlineData("type=inline")]
    [InlineData("kind=local,dest=/x")]
    public void A_cache_that_is_none_is_refused(string text) => Assert.Throws<CaissonException>(() => CacheAddress.Parse(text, isTarget: true));

    [Fact]
    public void A_document_is_read_as_it_was_written()
    {
        var written = new CacheDocument
        {
            Layers = [new CacheDocument.Layer { Blob = Layer, Parent = -1, Annotations = new CacheDocument.LayerNotes { DiffId = Layer.ToString(), Size = 5 } }],
            Records = [new CacheDocument.Record { Digest = Digest.Of("step"u8), Results = [new CacheDocument.Result { Layer = 0 }] }],
        };

        CacheDocument read = CacheDocument.Parse(written.ToBytes(), "x");

        Assert.Equal(Layer, read.Layers[0].Blob);
        Assert.Equal(0, read.Records[0].Results![0].Layer);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("{")]
    [InlineData("""{"records":[null]}""")]
    [InlineData("""{"layers":[null]}""")]
    [InlineData("""{"records":[{"digest":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","results":[{"layer":0}]}]}""")]
    [InlineData("""{"records":[{"digest":"sha256:short"}]}""")]
    public void A_document_that_contradicts_itself_is_refused(string text) =>
        Assert.Throws<CaissonException>(() => CacheDocument.Parse(Encoding.UTF8.GetBytes(text), "x"));

    [Fact]
    public void Later_attestations_win_and_unknown_ones_are_refused()
    {
        BuildAttestations asked = BuildAttestations.Parse(["type=provenance,mode=max", "type=sbom", "type=sbom,disabled=true"]);

        Assert.Equal((true, true, false), (asked.Provenance, asked.Full, asked.Sbom));
        Assert.Throws<CaissonException>(() => BuildAttestations.Parse(["type=other"]));
        Assert.Throws<CaissonException>(() => BuildAttestations.Parse(["type=sbom,generator=x"]));
    }
}
