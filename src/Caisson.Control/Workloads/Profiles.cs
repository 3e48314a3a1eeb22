using Caisson.Containers.Profiles;
using Caisson.Errors;

namespace Caisson.Control.Workloads;

/// <summary>Finds security profiles for users.</summary>
internal static class Profiles
{
    /// <summary>The profile <paramref name="name"/>.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: there is none; the message lists those there are.</exception>
    public static SecurityProfile Find(string name) => SecurityProfiles.Find(name) ?? throw new CaissonException(
        ErrorKind.InvalidArgument,
        $"no security profile is called '{name}'; there are {string.Join(", ", SecurityProfiles.All.Select(profile => profile.Name))}");
}
