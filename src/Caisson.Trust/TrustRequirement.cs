namespace Caisson.Trust;

/// <summary>One requirement of a policy; an image must meet all of its scope.</summary>
/// <remarks>Source: containers-policy.json(5), "Policy Requirements".</remarks>
public abstract record TrustRequirement
{
    private TrustRequirement()
    {
    }

    /// <summary>Everything is accepted.</summary>
    public sealed record AcceptAnything : TrustRequirement;

    /// <summary>Nothing is accepted.</summary>
    public sealed record Reject : TrustRequirement;

    /// <summary>A signature by one of the keys is required.</summary>
    /// <param name="Keys">At least one.</param>
    /// <param name="Identity">What it must call the image.</param>
    public sealed record Signed(IReadOnlyList<VerificationKey> Keys, PolicyIdentity Identity) : TrustRequirement;

    /// <summary>A requirement that is not checked here: nothing meets it.</summary>
    /// <param name="What">Which one.</param>
    public sealed record Unsupported(string What) : TrustRequirement;
}
