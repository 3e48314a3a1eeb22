using Caisson.Errors;

namespace Caisson.Control.Workloads;

/// <summary>The host ids that are a container's 65,536 ids.</summary>
/// <param name="First">What id 0 inside is on the host.</param>
public readonly record struct IdRange(uint First)
{
    /// <summary>How many ids a container has.</summary>
    public const uint Size = 65_536;

    /// <summary>Blocks begin here: above every range that login.defs(5), systemd's dynamic users or nspawn hand out by default for people.</summary>
    private const uint Base = 0x1000_0000;

    /// <summary>Blocks end below 2³¹, where some programs see negative ids.</summary>
    private const int BlocksMax = (int)((0x7FFF_0000 - Base) / Size);

    /// <summary>The range of block <paramref name="block"/>.</summary>
    public static IdRange OfBlock(int block) => new(Base + (uint)block * Size);

    /// <summary>The block that begins at an id, which somebody else chose; below the engine's own blocks it is negative.</summary>
    /// <param name="first">A multiple of <see cref="Size"/>.</param>
    public static int BlockOf(uint first) => (int)(first / Size) - (int)(Base / Size);

    /// <summary>The lowest block that nobody has.</summary>
    /// <param name="taken">Blocks in use.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.ResourceExhausted"/>: all are in use.</exception>
    public static int LowestFree(IReadOnlySet<int> taken)
    {
        for (int block = 0; block < BlocksMax; block++)
        {
            if (!taken.Contains(block))
            {
                return block;
            }
        }
        throw new CaissonException(ErrorKind.ResourceExhausted, $"all {BlocksMax} blocks of user ids are in use; remove containers");
    }
}
