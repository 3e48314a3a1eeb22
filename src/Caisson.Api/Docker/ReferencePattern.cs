using System.IO.Enumeration;

namespace Caisson.Api.Docker;

/// <summary>Matches names of images against patterns with <c>*</c> and <c>?</c>, as <c>docker images --filter reference=</c> does.</summary>
internal static class ReferencePattern
{
    /// <summary>Whether <paramref name="reference"/>, with or without its tag, fits <paramref name="pattern"/>.</summary>
    public static bool Matches(string reference, string pattern)
    {
        int colon = reference.LastIndexOf(':');
        string name = colon > reference.LastIndexOf('/') ? reference[..colon] : reference;
        return FileSystemName.MatchesSimpleExpression(pattern, reference, ignoreCase: false)
            || FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false);
    }
}
