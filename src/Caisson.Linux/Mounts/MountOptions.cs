using System.Collections.Frozen;

namespace Caisson.Linux;

/// <summary>What one option word means for a mount.</summary>
/// <param name="Set">Attributes to have.</param>
/// <param name="Clear">Attributes not to have; cleared first.</param>
/// <param name="Propagation">New propagation.</param>
/// <param name="Recursive">Also for the mounts below (the words that begin with r).</param>
public readonly record struct MountOption(
    MountAttributes Set, MountAttributes Clear, MountPropagation Propagation, bool Recursive);

/// <summary>The option words of mounts. Source: mount(8); runtime-spec config.md, "Linux mount options".</summary>
public static class MountOptions
{
    private static readonly FrozenDictionary<string, MountOption> Attributes = Build();

    private static readonly FrozenSet<string> SuperblockWords =
        ((string[])["sync", "async", "dirsync", "lazytime", "nolazytime", "mand", "nomand", "silent", "loud", "iversion", "noiversion"]).ToFrozenSet();

    /// <summary>What a word means for the mount itself, such as <c>nosuid</c>, <c>rro</c> or <c>rslave</c>; false for words of file systems and for <c>bind</c> and its like.</summary>
    public static bool TryFind(string word, out MountOption option) => Attributes.TryGetValue(word, out option);

    /// <summary>Whether every file system takes the word as a flag of its superblock (<see cref="FilesystemContext.SetFlag"/>); words that turn one off again are the default and need not be given.</summary>
    public static bool IsSuperblockFlag(string word) => SuperblockWords.Contains(word);

    private static FrozenDictionary<string, MountOption> Build()
    {
        Dictionary<string, MountOption> table = [];
        const MountAttributes Times = MountAttributes.AccessTimeMask;

        Pair("ro", "rw", MountAttributes.ReadOnly);
        Pair("nosuid", "suid", MountAttributes.NoSetuid);
        Pair("nodev", "dev", MountAttributes.NoDevices);
        Pair("noexec", "exec", MountAttributes.NoExecute);
        Pair("nodiratime", "diratime", MountAttributes.NoDirectoryAccessTime);
        Pair("nosymfollow", "symfollow", MountAttributes.NoSymlinkFollow);
        Word("noatime", MountAttributes.NoAccessTime, Times);
        Word("strictatime", MountAttributes.StrictAccessTime, Times);
        foreach (string back in (string[])["relatime", "norelatime", "atime", "nostrictatime"])
        {
            Word(back, 0, Times); // relative to modification, the kernel's default
        }
        foreach (var propagation in (MountPropagation[])[MountPropagation.Private, MountPropagation.Slave, MountPropagation.Shared, MountPropagation.Unbindable])
        {
#pragma warning disable CA1308 // the words are lower case
            string name = propagation.ToString().ToLowerInvariant();
#pragma warning restore CA1308
            table[name] = new(0, 0, propagation, false);
            table[$"r{name}"] = new(0, 0, propagation, true);
        }
        return table.ToFrozenDictionary();

        void Pair(string restrict, string allow, MountAttributes attribute)
        {
            Word(restrict, attribute, 0);
            Word(allow, 0, attribute);
        }

        void Word(string word, MountAttributes set, MountAttributes clear)
        {
            table[word] = new(set, clear, 0, false);
            table[$"r{word}"] = new(set, clear, 0, true);
        }
    }
}
