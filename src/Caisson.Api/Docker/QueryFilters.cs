using System.Text.Json;

using Caisson.Api.Http;
using Caisson.Control.Listing;
using Caisson.Errors;

namespace Caisson.Api.Docker;

/// <summary>The <c>filters</c> parameter: a JSON object of name to values, which are an object of truths or, from old clients, a list.</summary>
internal static class QueryFilters
{
    /// <summary>Reads the filters of a request.</summary>
    public static FilterSet Filters(this Call call)
    {
        if (call.Query("filters") is not { } text)
        {
            return FilterSet.None;
        }
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            Dictionary<string, IReadOnlyList<string>> filters = [];
            foreach (JsonProperty filter in document.RootElement.EnumerateObject())
            {
                filters[filter.Name] = filter.Value.ValueKind switch
                {
                    JsonValueKind.Object => [.. filter.Value.EnumerateObject().Where(value => value.Value.ValueKind == JsonValueKind.True).Select(value => value.Name)],
                    JsonValueKind.Array => [.. filter.Value.EnumerateArray().Select(value => value.GetString() ?? "")],
                    _ => throw new JsonException("values are an object or a list"),
                };
            }
            return new FilterSet(filters);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"invalid filter: {error.Message}", error);
        }
    }
}
