using Caisson.Control.Access;

namespace Caisson.Api.Http;

/// <summary>What a route asks of its caller before its handler runs. Every route says it where it is declared; there is none without.</summary>
/// <param name="Right">The right; null for <see cref="Nothing"/> and <see cref="Inside"/>.</param>
/// <param name="Project">The project of what a request is about; null for the engine as a whole.</param>
/// <param name="InAny">The right in any project is enough: the handler shows what the caller may see.</param>
internal sealed record Need(Right? Right, Func<Call, string?>? Project = null, bool InAny = false)
{
    /// <summary>Whoever is known may.</summary>
    public static Need Nothing { get; } = new((Right?)null);

    /// <summary>The request is one of another API that asks by itself, as to what each of its paths needs.</summary>
    public static Need Inside { get; } = new((Right?)null);

    /// <summary>A right in the engine as a whole.</summary>
    public static Need To(string verb, string resource) => new(new Right(verb, resource));

    /// <summary>The same right in the project of what the request is about.</summary>
    public Need In(Func<Call, string?> project) => this with { Project = project };

    /// <summary>The same right in any project.</summary>
    public Need Anywhere => this with { InAny = true };
}
