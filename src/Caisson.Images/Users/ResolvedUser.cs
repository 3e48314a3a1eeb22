namespace Caisson.Images.Users;

/// <summary>Who a process is to run as, inside the container.</summary>
/// <param name="Uid">0 to 2³²−2.</param>
/// <param name="Gid">0 to 2³²−2.</param>
/// <param name="AdditionalGids">Supplementary groups in ascending order; always with <paramref name="Gid"/>.</param>
/// <param name="Home">The home directory; <c>/</c> when nothing is known of the user.</param>
/// <param name="Name">The name in <c>/etc/passwd</c>; null when the user is not there.</param>
public sealed record ResolvedUser(uint Uid, uint Gid, IReadOnlyList<uint> AdditionalGids, string Home, string? Name);
