using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

using Caisson.Build.Plans;
using Caisson.Images;
using Caisson.Oci;

namespace Caisson.Control.Builds;

/// <summary>What a build says about the image that came of it.</summary>
/// <remarks>Source: in-toto attestation framework, Statement v1; SLSA provenance v1.</remarks>
internal static class ProvenanceStatement
{
    public const string PredicateType = "https://slsa.dev/provenance/v1";

    public const string SbomPredicateType = "https://spdx.dev/Document";

    private const string BuildType = "https://caisson.invalid/build/dockerfile/v1";

    private const string Builder = "https://caisson.invalid/engine";

    /// <summary>Says how an image came to be.</summary>
    /// <param name="image">It.</param>
    /// <param name="request">What was asked for.</param>
    /// <param name="plan">Of what.</param>
    /// <param name="dockerfile">The Dockerfile.</param>
    /// <param name="materials">What came from elsewhere.</param>
    /// <param name="started">When.</param>
    /// <param name="finished">When it was done.</param>
    public static byte[] Write(
        Image image, BuildRequest request, BuildPlan plan, string dockerfile, IReadOnlyDictionary<string, Digest> materials, DateTimeOffset started, DateTimeOffset finished)
    {
        bool full = request.Attestations.Full;
        return Statement(image, request.Names, PredicateType, json =>
        {
            json.WriteStartObject();
            json.WriteStartObject("buildDefinition");
            json.WriteString("buildType", BuildType);
            json.WriteStartObject("externalParameters");
            json.WriteString("dockerfile", request.Dockerfile);
            json.WriteString("dockerfileDigest", Digest.Of(Encoding.UTF8.GetBytes(dockerfile)).ToString());
            json.WriteString("target", plan.Stages[plan.Target].Title);
            json.WriteString("platform", plan.Options.TargetPlatform ?? plan.Options.BuildPlatform);
            if (full)
            {
                Map(json, "args", plan.Options.Arguments);
                Map(json, "labels", plan.Options.Labels);
                json.WriteString("source", dockerfile);
            }
            json.WriteStartArray("secrets");
            foreach (string id in request.Secrets.Keys.Order(StringComparer.Ordinal))
            {
                json.WriteStringValue(id);
            }
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteStartObject("internalParameters");
            json.WriteString("buildPlatform", plan.Options.BuildPlatform);
            json.WriteEndObject();
            json.WriteStartArray("resolvedDependencies");
            foreach ((string address, Digest digest) in materials.OrderBy(material => material.Key, StringComparer.Ordinal))
            {
                json.WriteStartObject();
                json.WriteString("uri", address);
                json.WriteStartObject("digest");
                json.WriteString(digest.Algorithm, digest.Hex);
                json.WriteEndObject();
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteStartObject("runDetails");
            json.WriteStartObject("builder");
            json.WriteString("id", Builder);
            json.WriteEndObject();
            json.WriteStartObject("metadata");
            // Of what was built and when, so that a build that says when it is said to be made says the same each time.
            json.WriteString("invocationId", Digest.Of(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{image.ManifestDigest} {started.UtcTicks}"))).Hex[..32]);
            json.WriteString("startedOn", Time(started));
            json.WriteString("finishedOn", Time(finished));
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndObject();
        });
    }

    /// <summary>Says something about an image.</summary>
    /// <param name="image">It.</param>
    /// <param name="names">What it is called.</param>
    /// <param name="predicateType">What is said.</param>
    /// <param name="predicate">Says it.</param>
    public static byte[] Statement(Image image, IReadOnlyList<Reference> names, string predicateType, Action<Utf8JsonWriter> predicate)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer);
        string platform = Uri.EscapeDataString(new Platform { Os = image.Config.Os, Architecture = image.Config.Architecture, Variant = image.Config.Variant }.ToString());
        json.WriteStartObject();
        json.WriteString("_type", "https://in-toto.io/Statement/v1");
        json.WriteString("predicateType", predicateType);
        json.WriteStartArray("subject");
        foreach (string name in names.Count == 0 ? ["_"] : names.Select(name => $"pkg:docker/{name.FamiliarName}@{name.Tag}?platform={platform}"))
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteStartObject("digest");
            json.WriteString(image.ManifestDigest.Algorithm, image.ManifestDigest.Hex);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WritePropertyName("predicate");
        predicate(json);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    private static void Map(Utf8JsonWriter json, string name, IReadOnlyDictionary<string, string> values)
    {
        json.WriteStartObject(name);
        foreach ((string key, string value) in values.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            json.WriteString(key, value);
        }
        json.WriteEndObject();
    }

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
