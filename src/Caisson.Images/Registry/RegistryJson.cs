using Caisson.Errors;
using Caisson.Oci.Json;

namespace Caisson.Images.Registry;

/// <summary>The small documents of registries, read strictly.</summary>
internal static class RegistryJson
{
    private const int BytesMax = 4 << 20;

    /// <summary>What a manifest calls itself; null when it does not say.</summary>
    public static string? ReadMediaType(byte[] content, string subject)
    {
        List<Problem> problems = [];
        string[]? found = JsonCursor.Read(content, problems, BytesMax, (ref JsonCursor json) =>
        {
            string? type = null;
            if (json.EnterObject())
            {
                while (json.NextName() is { } name)
                {
                    if (name == "mediaType")
                    {
                        type = json.Text();
                    }
                    else
                    {
                        json.Skip();
                    }
                }
            }
            return type is null ? Array.Empty<string>() : [type];
        });
        ProblemsException.ThrowIfAny(subject, problems);
        return found is [var only] ? only : null;
    }

    /// <summary>The tags of a <c>tags/list</c>.</summary>
    public static IReadOnlyList<string> ReadTags(byte[] content, string subject)
    {
        List<Problem> problems = [];
        List<string>? tags = JsonCursor.Read(content, problems, BytesMax, (ref JsonCursor json) =>
        {
            List<string> found = [];
            if (json.EnterObject())
            {
                while (json.NextName() is { } name)
                {
                    if (name == "tags")
                    {
                        found.AddRange(json.Texts());
                    }
                    else
                    {
                        json.Skip();
                    }
                }
            }
            return found;
        });
        ProblemsException.ThrowIfAny(subject, problems);
        return tags!;
    }
}
