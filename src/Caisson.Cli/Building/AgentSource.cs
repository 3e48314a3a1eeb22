using Caisson.Errors;

namespace Caisson.Cli.Building;

/// <summary>An agent for SSH keys that steps may ask: <c>default</c>, <c>ID</c> or <c>ID=SOCKET</c>.</summary>
internal static class AgentSource
{
    /// <summary>The agent's id and the path of its socket; that of <c>SSH_AUTH_SOCK</c> when none is given.</summary>
    /// <exception cref="CaissonException">None is given, and there is none.</exception>
    public static KeyValuePair<string, string> Parse(Session session, string text)
    {
        int equals = text.IndexOf('=');
        return Of(session, equals >= 0 ? text[..equals] : text, equals >= 0 ? text[(equals + 1)..] : "");
    }

    /// <inheritdoc cref="Parse"/>
    public static KeyValuePair<string, string> Of(Session session, string id, string socket) => new(id, Path.GetFullPath(
        socket.Length > 0 ? socket : session.Variable("SSH_AUTH_SOCK")
            ?? throw new CaissonException(ErrorKind.FailedPrecondition, $"the agent '{id}' for SSH keys is that of SSH_AUTH_SOCK, and that is not set")));
}
