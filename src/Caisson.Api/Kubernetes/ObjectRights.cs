using Caisson.Control.Access;

namespace Caisson.Api.Kubernetes;

/// <summary>The right that a request for objects needs. Pure. Source: Kubernetes, "Authorization", "Determine the Request Verb".</summary>
internal static class ObjectRights
{
    /// <summary>Of a request.</summary>
    /// <param name="at">Which objects.</param>
    /// <param name="method">The method.</param>
    /// <param name="watch">It waits for changes.</param>
    public static Right Of(ObjectPath at, string method, bool watch)
    {
        string verb = (method, at.Part) switch
        {
            (_, "exec" or "attach" or "portforward") => "create", // however a client opens the stream
            ("GET" or "HEAD", _) when at.Name.Length == 0 => watch ? "watch" : "list",
            ("GET" or "HEAD", _) => watch ? "watch" : "get",
            ("POST", _) => "create",
            ("PUT", _) => "update",
            ("PATCH", _) => "patch",
            ("DELETE", _) when at.Name.Length == 0 => "deletecollection",
            ("DELETE", _) => "delete",
            _ => method.ToLowerInvariant(),
        };
        return new(verb, at.Part.Length == 0 ? at.Kind.Plural : $"{at.Kind.Plural}/{at.Part}", at.Kind.Group);
    }

    /// <summary>The project of a request; null for the whole engine, also where a path leaves out what a document may say. A namespace is in itself.</summary>
    public static string? ProjectOf(ObjectPath at) => at.Kind.Kind == "Namespace" ? (at.Name.Length > 0 ? at.Name : null) : at.Kind.Namespaced ? at.Namespace : null;

    /// <summary>How a refusal is said, as kubectl prints it.</summary>
    public static string Say(AccessException refused, string name)
    {
        Right missing = refused.Missing;
        int slash = missing.Resource.IndexOf('/', StringComparison.Ordinal);
        string plural = slash < 0 ? missing.Resource : missing.Resource[..slash];
        string subject = (missing.Group.Length == 0 ? plural : $"{plural}.{missing.Group}") + (name.Length > 0 ? $" \"{name}\"" : "");
        string where = refused.Project is { } project ? $"in the namespace \"{project}\"" : "at the cluster scope";
        return $"{subject} is forbidden: User \"{refused.Caller.Name}\" cannot {missing.Verb} resource \"{missing.Resource}\" in API group \"{missing.Group}\" {where}"
            + $": the right '{missing}' is missing";
    }
}
