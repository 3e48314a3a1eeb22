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
    private static readonly Dictionary<string, MountOption> Attributes = Build();

    /// <summary>What a word means for the mount itself, such as <c>nosuid</c>, <c>rro</c> or <c>rslave</c>; false for words of file systems and for <c>bind</c> and its like.</summary>
    public static bool TryFind(string word, out MountOption option) => Attributes.TryGetValue(word, out option);

    /// <summary>Whether every file system takes the word as a flag of its superblock (<see cref="FilesystemContext.SetFlag"/>); words that turn one off again are the default and need not be given.</summary>
    public static bool IsSuperblockFlag(string word) => word
        is "sync" or "async" or "dirsync" or "lazytime" or "nolazytime" or "mand" or "nomand" or "silent" or "loud" or "iversion" or "noiversion";

    private static Dictionary<string, MountOption> Build()
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
        Propagation("private", MountPropagation.Private);
        Propagation("slave", MountPropagation.Slave);
        Propagation("shared", MountPropagation.Shared);
        Propagation("unbindable", MountPropagation.Unbindable);
        return table;

        void Pair(string restrict, string allow, MountAttributes attribute)
        {
            Word(restrict, attribute, 0);
            Word(allow, 0, attribute);
        }

        void Propagation(string word, MountPropagation kind)
        {
            table[word] = new(0, 0, kind, false);
            table[$"r{word}"] = new(0, 0, kind, true);
        }

        void Word(string word, MountAttributes set, MountAttributes clear)
        {
            table[word] = new(set, clear, 0, false);
            table[$"r{word}"] = new(set, clear, 0, true);
        }
    }
}
