using System.Security.Cryptography;

namespace Caisson.Control.Workloads;

/// <summary>Ids and names of containers.</summary>
internal static class Names
{
    private static readonly string[] Adjectives =
    [
        "able", "agile", "airy", "amber", "apt", "ardent", "blithe", "bold", "brave", "bright", "brisk", "calm", "candid", "clear",
        "clever", "cosy", "crisp", "deft", "eager", "early", "earnest", "fair", "fleet", "fond", "frank", "fresh", "gentle", "glad",
        "golden", "good", "grand", "happy", "hardy", "honest", "humble", "ideal", "jolly", "keen", "kind", "level", "light", "lively",
        "loyal", "lucid", "mellow", "merry", "mild", "modest", "neat", "nimble", "noble", "open", "patient", "placid", "plain", "polite",
        "prime", "proud", "quick", "quiet", "ready", "robust", "serene", "sharp", "silent", "sincere", "smooth", "snug", "sober", "solid",
        "sound", "spry", "stable", "steady", "still", "sunny", "sure", "swift", "tender", "tidy", "true", "upbeat", "vivid", "warm",
        "wise", "witty", "young", "zesty",
    ];

    private static readonly string[] Surnames =
    [
        "abel", "ampere", "archimedes", "babbage", "bernoulli", "bohr", "boole", "brunel", "cantor", "cayley", "chladni", "church",
        "curie", "dalton", "darwin", "dijkstra", "dirac", "eads", "edison", "euclid", "euler", "faraday", "fermat", "fermi", "fourier",
        "franklin", "galilei", "galois", "gauss", "germain", "goedel", "hamilton", "heaviside", "hertz", "hilbert", "hooke", "hopper",
        "huygens", "hypatia", "jacobi", "jacquard", "joule", "kelvin", "kepler", "kovalevskaya", "lagrange", "laplace", "leibniz",
        "liskov", "lovelace", "maxwell", "meitner", "mendel", "moebius", "napier", "newton", "noether", "nightingale", "ohm", "pascal",
        "pasteur", "peano", "perlman", "planck", "poincare", "ptolemy", "ramanujan", "riemann", "roebling", "shannon", "somerville",
        "stokes", "tesla", "thales", "torricelli", "triger", "turing", "volta", "watt", "wilkes", "wirth", "zuse",
    ];

    /// <summary>A fresh id: 64 hex digits that are not all decimal in the first twelve, so that no short form is taken for a number.</summary>
    public static string NewId()
    {
        while (true)
        {
            string id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
            if (id.AsSpan(0, 12).ContainsAnyInRange('a', 'f'))
            {
                return id;
            }
        }
    }

    /// <summary>A friendly name that <paramref name="isTaken"/> does not know.</summary>
    public static string NewName(Func<string, bool> isTaken)
    {
        for (int attempt = 0; ; attempt++)
        {
            string name = $"{Pick(Adjectives)}_{Pick(Surnames)}";
            if (attempt >= 8)
            {
                name += RandomNumberGenerator.GetInt32(1_000_000);
            }
            if (!isTaken(name))
            {
                return name;
            }
        }
    }

    /// <summary>Docker's rule: <c>[a-zA-Z0-9][a-zA-Z0-9_.-]+</c>.</summary>
    public static bool IsValid(string name) =>
        name.Length is >= 2 and <= 255
        && char.IsAsciiLetterOrDigit(name[0])
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-');

    private static string Pick(string[] words) => words[RandomNumberGenerator.GetInt32(words.Length)];
}
