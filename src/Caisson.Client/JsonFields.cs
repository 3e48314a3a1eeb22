using System.Globalization;
using System.Text.Json;

namespace Caisson.Client;

/// <summary>Reading members that an older or newer engine may leave out or send as null.</summary>
internal static class JsonFields
{
    extension(JsonElement element)
    {
        public JsonElement Field(string name) =>
            element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) ? value : default;

        public string Text(string name)
        {
            var value = element.Field(name);
            return value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
        }

        public long Number(string name)
        {
            var value = element.Field(name);
            return value.ValueKind == JsonValueKind.Number
                ? value.TryGetInt64(out long number) ? number : (long)Math.Clamp(value.GetDouble(), long.MinValue, long.MaxValue)
                : 0;
        }

        public bool Truth(string name) => element.Field(name).ValueKind == JsonValueKind.True;

        /// <summary>A time of RFC 3339; the beginning of all times when there is none.</summary>
        public DateTimeOffset Time(string name) =>
            DateTimeOffset.TryParse(element.Text(name), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : default;

        public IEnumerable<JsonElement> Items(string name)
        {
            var value = element.Field(name);
            return value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : [];
        }

        public List<string> Texts(string name)
        {
            var list = new List<string>();
            foreach (var item in element.Items(name))
            {
                list.Add(item.ValueKind == JsonValueKind.String ? item.GetString()! : item.ToString());
            }
            return list;
        }

        public SortedDictionary<string, string> TextMap(string name)
        {
            var map = new SortedDictionary<string, string>(StringComparer.Ordinal);
            var value = element.Field(name);
            if (value.ValueKind == JsonValueKind.Object)
            {
                foreach (var property in value.EnumerateObject())
                {
                    map[property.Name] = property.Value.ToString();
                }
            }
            return map;
        }
    }
}
