using Caisson.Api.Transport;
using Caisson.Control.Access;

using Microsoft.AspNetCore.Http;

namespace Caisson.Api.Http;

/// <summary>Who asks, what was asked, and what became of it: the state of one request on its way past the one decision.</summary>
/// <param name="Access">The decision.</param>
/// <param name="Caller">Who asks.</param>
internal sealed record Guard(AccessControl Access, Caller Caller)
{
    private Right? _right;
    private string? _project;
    private bool _isWritten;

    /// <summary>The guard of a request; there is one as soon as its caller is known.</summary>
    public static Guard Of(HttpContext context) => context.Features.Get<Guard>() ?? throw new System.Diagnostics.UnreachableException("the request has no caller");

    /// <summary>The same; null where who asks is not asked for: at paths that are good once, which only their caller knows.</summary>
    public static Guard? Find(HttpContext context) => context.Features.Get<Guard>();

    /// <summary>Finds out who asks; null for nobody we know.</summary>
    public static Guard? Meet(HttpContext context, AccessControl access)
    {
        Credential credential = context.Features.Get<EngineConnection>()?.Credential ?? new Credential.Nobody();
        if (access.Identify(credential, context.Request.Headers.Authorization.ToString()) is not { } caller)
        {
            access.Audit.AppendStranger(new("", Say(credential), "", "", context.Request.Method, context.Request.Path.Value ?? "/", StatusCodes.Status401Unauthorized));
            return null;
        }
        return Enter(context, access, caller);
    }

    /// <summary>Goes on with a caller that is known.</summary>
    public static Guard Enter(HttpContext context, AccessControl access, Caller caller)
    {
        var guard = new Guard(access, caller);
        context.Features.Set(guard);
        return guard;
    }

    /// <summary>Lets pass who has what the route needs.</summary>
    /// <exception cref="AccessException">It has not.</exception>
    public void Require(Need need, Call call)
    {
        if (need.Right is { } right)
        {
            string? project = Caller.Standing == Standing.Owner ? null : need.Project?.Invoke(call);
            _right ??= right;
            _project ??= project;
            if (!(need.InAny && Access.Policy.ProjectsOf(Caller).Any(one => Access.Decide(Caller, right, one).IsAllowed)))
            {
                Access.Require(Caller, right, project);
            }
        }
    }

    /// <summary>Lets pass who has a right.</summary>
    /// <exception cref="AccessException">It has not.</exception>
    public void Require(Right right, string? project, string name = "")
    {
        _right ??= right;
        _project ??= project;
        Access.Require(Caller, right, project, name);
    }

    /// <summary>Lets pass who has all rights that the fields of a document need.</summary>
    /// <exception cref="AccessException">One is missing.</exception>
    public void Require(IEnumerable<Right> rights, string? project)
    {
        if (Caller.Standing == Standing.Owner)
        {
            return;
        }
        foreach (Right right in rights)
        {
            Access.Require(Caller, right, project);
        }
    }

    /// <summary>Whether the caller has a right.</summary>
    public bool Has(Right right, string? project) => Access.Decide(Caller, right, project).IsAllowed;

    /// <summary>Writes what became of a request into the audit log, once: of those that change something or look at what is secret, and of those that were refused.</summary>
    public void Note(HttpContext context, int status, AccessException? refused = null)
    {
        bool isRefused = status is StatusCodes.Status403Forbidden or StatusCodes.Status401Unauthorized;
        if (_isWritten || (!isRefused && _right is not { IsLogged: true }))
        {
            return;
        }
        _isWritten = true;
        Access.Audit.Append(new(
            Caller.Name, Caller.Known, (refused?.Missing ?? _right)?.ToString() ?? "", refused?.Project ?? _project ?? "", context.Request.Method, context.Request.Path.Value ?? "/", status));
    }

    private static string Say(Credential credential) => credential switch
    {
        Credential.UnixPeer peer => $"uid {peer.UserId}",
        Credential.Certificate certificate => $"certificate of {certificate.Name}",
        _ => "token",
    };
}
