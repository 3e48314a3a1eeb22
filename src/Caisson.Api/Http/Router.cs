using System.Collections.Frozen;

namespace Caisson.Api.Http;

/// <summary>Answers one request.</summary>
internal delegate Task Handler(Call call);

/// <summary>Finds the handler of a method and a path.</summary>
/// <remarks>
/// A pattern is a path whose parts are words, <c>{name}</c> for one part, or <c>{name*}</c> for one part or more, as image names
/// have. Routes are tried in the order they were added, among those of the same method and first word.
/// </remarks>
internal sealed class Router
{
    private readonly FrozenDictionary<string, Route[]> _routes;

    private Router(FrozenDictionary<string, Route[]> routes) => _routes = routes;

    /// <summary>The outcome of a look-up: a handler with what it needs of its caller, or whether another method would have found one.</summary>
    public readonly record struct Match(Handler? Handler, Need? Need, IReadOnlyList<KeyValuePair<string, string>> Values, bool OtherMethod);

    /// <summary>Every route with what it needs.</summary>
    public IEnumerable<(string Method, string Pattern, Need Need)> Routes =>
        _routes.Values.SelectMany(routes => routes).Select(route => (route.Method, "/" + string.Join('/', route.Parts), route.Need));

    /// <summary>Looks <paramref name="path"/> up, which begins with a slash and has no version in front.</summary>
    public Match Find(string method, string path)
    {
        string[] parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        bool otherMethod = false;
        foreach (Route route in parts.Length > 0 && _routes.TryGetValue(parts[0], out Route[]? candidates) ? candidates : [])
        {
            List<KeyValuePair<string, string>> values = [];
            if (!route.Matches(parts, values))
            {
                continue;
            }
            if (route.Method == method)
            {
                return new(route.Handler, route.Need, values, false);
            }
            otherMethod = true;
        }
        return new(null, null, [], otherMethod);
    }

    /// <summary>Collects routes.</summary>
    internal sealed class Builder
    {
        private readonly Dictionary<string, List<Route>> _routes = [];

        public void Get(string pattern, Need need, Handler handler) => Add("GET", pattern, need, handler);

        public void Head(string pattern, Need need, Handler handler) => Add("HEAD", pattern, need, handler);

        public void Post(string pattern, Need need, Handler handler) => Add("POST", pattern, need, handler);

        public void Put(string pattern, Need need, Handler handler) => Add("PUT", pattern, need, handler);

        public void Patch(string pattern, Need need, Handler handler) => Add("PATCH", pattern, need, handler);

        public void Delete(string pattern, Need need, Handler handler) => Add("DELETE", pattern, need, handler);

        public Router Build() => new(_routes.ToFrozenDictionary(pair => pair.Key, pair => pair.Value.ToArray()));

        private void Add(string method, string pattern, Need need, Handler handler)
        {
            string[] parts = pattern.Split('/', StringSplitOptions.RemoveEmptyEntries);
            if (!_routes.TryGetValue(parts[0], out List<Route>? list))
            {
                _routes[parts[0]] = list = [];
            }
            list.Add(new(method, parts, need, handler));
        }
    }

    private sealed record Route(string Method, string[] Parts, Need Need, Handler Handler)
    {
        public bool Matches(string[] path, List<KeyValuePair<string, string>> values)
        {
            int greedy = Array.FindIndex(Parts, part => part.EndsWith("*}", StringComparison.Ordinal));
            if (greedy < 0 ? path.Length != Parts.Length : path.Length < Parts.Length)
            {
                return false;
            }

            int extra = path.Length - Parts.Length;
            for (int i = 0, at = 0; i < Parts.Length; i++)
            {
                int count = i == greedy ? extra + 1 : 1;
                string part = Parts[i];
                if (part[0] == '{')
                {
                    string value = string.Join('/', path, at, count);
                    values.Add(new(part.Trim('{', '}', '*'), Decode(value)));
                }
                else if (part != path[at])
                {
                    return false;
                }
                at += count;
            }
            return true;
        }

        /// <summary>Kestrel has decoded everything but an escaped slash.</summary>
        private static string Decode(string value) => value.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
    }
}
