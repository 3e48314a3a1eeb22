using System.Text.Json;

using Caisson.Errors;
using Caisson.Linux.Seccomp;

namespace Caisson.Containers.Seccomp;

/// <summary>The <c>linux.seccomp</c> object of a config, read.</summary>
/// <param name="Policy">What is to be compiled.</param>
/// <param name="ListenerPath">Absolute path of a unix socket; null for none.</param>
/// <param name="ListenerMetadata">Opaque; null for none.</param>
/// <remarks>
/// Read as runc reads it: a rule with several conditions on one argument stands for one rule for each condition; without
/// <c>flags</c> speculation stays as it is; the flag for all threads is taken for granted; architectures of other machines
/// mean nothing here. Source: runtime-spec config-linux.md, "Seccomp".
/// </remarks>
public sealed record SeccompConfig(SeccompPolicy Policy, string? ListenerPath, string? ListenerMetadata)
{
    /// <summary>Reads the object; null for JSON's <c>null</c> and when there are problems.</summary>
    public static SeccompConfig? Parse(ReadOnlySpan<byte> json, string pointer, ICollection<Problem> problems)
    {
        ArgumentNullException.ThrowIfNull(problems);
        var found = new List<Problem>();
        SeccompConfig? config = null;
        try
        {
            config = new SeccompReader(json, pointer, found).Read();
        }
        catch (JsonException e)
        {
            found.Add(new(pointer, $"not valid JSON: byte {e.BytePositionInLine} of line {e.LineNumber + 1}"));
        }
        catch (InvalidOperationException) // what the reader says of a string that is not UTF-8
        {
            found.Add(new(pointer, "not valid JSON: a string is not UTF-8"));
        }
        foreach (var problem in found)
        {
            problems.Add(problem);
        }
        return found.Count == 0 ? config : null;
    }

    /// <summary>The policy as the object of a config, so that any OCI runtime can enforce it; UTF-8.</summary>
    public static byte[] Format(SeccompPolicy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            SeccompWriter.Write(writer, policy);
        }
        return buffer.ToArray();
    }
}
