using Caisson.Errors;

namespace Caisson.Control.Listing;

/// <summary>Filters of a list or a stream: several values of one name are alternatives, several names must all hold.</summary>
/// <param name="Values">Values by name.</param>
public sealed record FilterSet(IReadOnlyDictionary<string, IReadOnlyList<string>> Values)
{
    /// <summary>No filter.</summary>
    public static FilterSet None { get; } = new(new Dictionary<string, IReadOnlyList<string>>());

    /// <summary>Whether nothing is asked.</summary>
    public bool IsEmpty => Values.Count == 0;

    /// <summary>The values of <paramref name="name"/>; empty when it is not given.</summary>
    public IReadOnlyList<string> this[string name] => Values.TryGetValue(name, out IReadOnlyList<string>? values) ? values : [];

    /// <summary>Whether <paramref name="name"/> is given.</summary>
    public bool Has(string name) => this[name].Count > 0;

    /// <summary>Whether <paramref name="name"/> is not given or one of its values satisfies <paramref name="holds"/>.</summary>
    public bool Allows(string name, Func<string, bool> holds) => !Has(name) || this[name].Any(holds);

    /// <summary>Whether <paramref name="labels"/> carry all that <c>label</c> asks for and nothing that <c>label!</c> excludes: each <c>key</c> or <c>key=value</c>.</summary>
    public bool AllowsLabels(IReadOnlyDictionary<string, string>? labels) =>
        this["label"].All(wanted => Carries(labels, wanted)) && !this["label!"].Any(unwanted => Carries(labels, unwanted));

    /// <summary>Refuses names that are not among <paramref name="known"/>.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>.</exception>
    public void RequireKnown(params ReadOnlySpan<string> known)
    {
        foreach (string name in Values.Keys)
        {
            if (!known.Contains(name))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"invalid filter '{name}'");
            }
        }
    }

    private static bool Carries(IReadOnlyDictionary<string, string>? labels, string wanted)
    {
        int equals = wanted.IndexOf('=');
        string key = equals < 0 ? wanted : wanted[..equals];
        return labels is not null && labels.TryGetValue(key, out string? value) && (equals < 0 || value == wanted[(equals + 1)..]);
    }
}
