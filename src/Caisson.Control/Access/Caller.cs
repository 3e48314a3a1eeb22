namespace Caisson.Control.Access;

/// <summary>What a connection says of who is at its other end; nothing of it can be chosen by that one.</summary>
public abstract record Credential
{
    private Credential()
    {
    }

    /// <summary>A process of this machine, as the kernel saw it when it connected. Source: unix(7), SO_PEERCRED.</summary>
    /// <param name="UserId">Its effective user.</param>
    /// <param name="IsInGroup">It is of the socket's group, which lets in whom the engine trusted before there were users.</param>
    public sealed record UnixPeer(uint UserId, bool IsInGroup) : Credential;

    /// <summary>A certificate that an authority of ours signed.</summary>
    /// <param name="Name">The common name of its subject.</param>
    /// <param name="Organizations">The organizations of its subject, which are groups, as with Kubernetes.</param>
    public sealed record Certificate(string Name, IReadOnlyList<string> Organizations) : Credential;

    /// <summary>An address of this machine that was opened to everybody on it.</summary>
    public sealed record LocalAddress : Credential;

    /// <summary>Nothing: whoever comes must bring a token.</summary>
    public sealed record Nobody : Credential;
}

/// <summary>Who asks.</summary>
/// <param name="Name">The user's name; with Kubernetes' prefix for the accounts of services.</param>
/// <param name="Groups">The groups that grants may name.</param>
/// <param name="Known">How we know: <c>uid 1000</c>, <c>certificate</c>, <c>token</c>.</param>
/// <param name="Standing">What it may where nothing was granted.</param>
public sealed record Caller(string Name, IReadOnlyList<string> Groups, string Known, Standing Standing)
{
    /// <summary>The group of everybody who is known.</summary>
    public const string Authenticated = "system:authenticated";

    /// <summary>The group of those who come by the socket's own group and are no users of ours.</summary>
    public const string SocketGroup = "system:socket";

    /// <summary>The group of those whose certificate names no user of ours.</summary>
    public const string CertificateGroup = "system:certificates";

    /// <summary>The group of those who come by an address without certificates.</summary>
    public const string LocalGroup = "system:local";

    /// <summary>Who owns the engine: root, or the user it runs as.</summary>
    public static Caller Owner { get; } = new("root", ["system:masters", Authenticated], "uid 0", Standing.Owner);

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({Known})";
}

/// <summary>What a caller may beside its grants.</summary>
public enum Standing
{
    /// <summary>What was granted, and nothing else.</summary>
    Granted,

    /// <summary>Everything, as long as nothing was granted to it or to a group of its: whom the engine's sockets and certificates let in before there were users.</summary>
    Trusted,

    /// <summary>Everything.</summary>
    Owner,
}
