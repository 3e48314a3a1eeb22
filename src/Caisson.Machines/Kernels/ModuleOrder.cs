using System.Text;

using Caisson.Errors;

namespace Caisson.Machines.Kernels;

/// <summary>Finds what modules of a kernel need, from what stands in them.</summary>
internal static class ModuleOrder
{
    /// <summary>The modules of <paramref name="wanted"/> with those they need, each after those; a name that <paramref name="read"/> does not find is built in.</summary>
    /// <param name="wanted">Names without ending, with underscores.</param>
    /// <param name="read">Gives a module's bytes; null when there is no such file.</param>
    public static IReadOnlyList<string> Resolve(IEnumerable<string> wanted, Func<string, byte[]?> read)
    {
        List<string> order = [];
        HashSet<string> seen = [];
        foreach (string name in wanted)
        {
            Visit(name, 0);
        }
        return order;

        void Visit(string name, int depth)
        {
            if (depth > 32)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"modules of the kernel need each other in a circle, at {name}");
            }
            if (!seen.Add(name) || read(name) is not { } bytes)
            {
                return;
            }
            foreach (string needed in Needs(bytes))
            {
                Visit(needed.Replace('-', '_'), depth + 1);
            }
            order.Add(name);
        }
    }

    /// <summary>What a module says that it needs. Source: kernel Documentation/kbuild/modules.rst, <c>.modinfo</c>.</summary>
    internal static string[] Needs(ReadOnlySpan<byte> module)
    {
        ReadOnlySpan<byte> key = "\0depends="u8;
        int at = module.IndexOf(key);
        if (at < 0)
        {
            return [];
        }
        ReadOnlySpan<byte> rest = module[(at + key.Length)..];
        int end = rest.IndexOf((byte)0);
        return Encoding.ASCII.GetString(end < 0 ? default : rest[..end]).Split(',', StringSplitOptions.RemoveEmptyEntries);
    }
}
