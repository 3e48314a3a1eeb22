using System.Text.Json;

using Caisson.Errors;

namespace Caisson.Control.Sandboxes;

/// <summary>What a network's plugins answered. Source: Container Network Interface Specification 1.0.0, section 5, "Result Types".</summary>
internal static class CniResult
{
    /// <summary>The addresses of the pod, without their prefix lengths, the first one first.</summary>
    /// <param name="result">The JSON of an ADD.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Unavailable"/>: it is not a result.</exception>
    public static IReadOnlyList<string> Addresses(string result)
    {
        try
        {
            using var document = JsonDocument.Parse(result);
            JsonElement root = document.RootElement;
            bool[] inside = root.TryGetProperty("interfaces", out JsonElement interfaces) && interfaces.ValueKind == JsonValueKind.Array
                ? [.. interfaces.EnumerateArray().Select(each => each.TryGetProperty("sandbox", out JsonElement sandbox) && sandbox.ValueKind == JsonValueKind.String && sandbox.GetString()!.Length > 0)]
                : [];
            List<string> addresses = [];
            if (root.TryGetProperty("ips", out JsonElement ips) && ips.ValueKind == JsonValueKind.Array)
            {
                foreach (JsonElement ip in ips.EnumerateArray())
                {
                    // An address without an interface is the pod's; one of an interface of the host is not.
                    bool isPods = !ip.TryGetProperty("interface", out JsonElement index) || index.ValueKind != JsonValueKind.Number
                        || !index.TryGetInt32(out int number) || number < 0 || number >= inside.Length || inside[number];
                    if (isPods && ip.TryGetProperty("address", out JsonElement address) && address.ValueKind == JsonValueKind.String)
                    {
                        addresses.Add(address.GetString()!.Split('/')[0]);
                    }
                }
            }
            return addresses;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new CaissonException(ErrorKind.Unavailable, "the network's plugins answered what is not a result", error);
        }
    }

    /// <summary>Why a plugin failed, in its own words.</summary>
    /// <param name="output">What it wrote to standard output.</param>
    /// <param name="errors">What it wrote to standard error.</param>
    public static string Reason(string output, string errors)
    {
        try
        {
            using var document = JsonDocument.Parse(output);
            JsonElement root = document.RootElement;
            string message = root.TryGetProperty("msg", out JsonElement text) && text.ValueKind == JsonValueKind.String ? text.GetString()! : "";
            string details = root.TryGetProperty("details", out JsonElement more) && more.ValueKind == JsonValueKind.String ? more.GetString()! : "";
            if (message.Length > 0)
            {
                return details.Length > 0 ? $"{message}; {details}" : message;
            }
        }
        catch (JsonException)
        {
            // Then it is not an error in the specification's form, and what was written is all there is.
        }
        string words = (errors.Trim().Length > 0 ? errors : output).Trim();
        return words.Length == 0 ? "it gave no reason" : words.Length > 1_000 ? words[..1_000] : words;
    }
}
