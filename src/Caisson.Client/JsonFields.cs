using System.Globalization;
using System.Text.Json;

namespace Caisson.Client;

/// <summary>Reading members that an older or newer engine may leave out or send as null.</summary>
public static class JsonFields
{
    /// <param name="element">An object of the engine's.</param>
    extension(JsonElement element)
    {
        /// <summary>The member <paramref name="name"/>; an undefined element when there is none.</summary>
        public JsonElement Field(string name) =>
            element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) ? value : default;

        /// <summary>The member's text; empty when it is no text.</summary>
        public string Text(string name)
        {
            var value = element.Field(name);
            return value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
        }

        /// <summary>The member's number, cut to 64 bits; 0 when it is none.</summary>
        public long Number(string name)
        {
            var value = element.Field(name);
            return value.ValueKind == JsonValueKind.Number
                ? value.TryGetInt64(out long number) ? number : (long)Math.Clamp(value.GetDouble(), long.MinValue, long.MaxValue)
                : 0;
        }

        /// <summary>True when the member is true.</summary>
        public bool Truth(string name) => element.Field(name).ValueKind == JsonValueKind.True;

        /// <summary>A time of RFC 3339; the beginning of all times when there is none.</summary>
        public DateTimeOffset Time(string name) =>
            DateTimeOffset.TryParse(element.Text(name), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : default;

        /// <summary>The items of a list; none when it is no list.</summary>
        public IEnumerable<JsonElement> Items(string name)
        {
            var value = element.Field(name);
            return value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : [];
        }

        /// <summary>The items of a list as text.</summary>
        public List<string> Texts(string name)
        {
            var list = new List<string>();
            foreach (var item in element.Items(name))
            {
                list.Add(item.ValueKind == JsonValueKind.String ? item.GetString()! : item.ToString());
            }
            return list;
        }

        /// <summary>The members of an object as text, by their names.</summary>
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
