namespace Caisson.Machines.Files;

/// <summary>What a kernel asks of the server of a file system. Source: kernel include/uapi/linux/fuse.h, <c>enum fuse_opcode</c>.</summary>
internal enum FileCall : uint
{
    Lookup = 1,
    Forget = 2,
    GetAttributes = 3,
    SetAttributes = 4,
    ReadLink = 5,
    Symlink = 6,
    MakeNode = 8,
    MakeDirectory = 9,
    Unlink = 10,
    RemoveDirectory = 11,
    Rename = 12,
    Link = 13,
    Open = 14,
    Read = 15,
    Write = 16,
    FileSystem = 17,
    Release = 18,
    Flush = 20,
    SetExtended = 21,
    GetExtended = 22,
    ListExtended = 23,
    RemoveExtended = 24,
    Initialize = 26,
    OpenDirectory = 27,
    ReadDirectory = 28,
    ReleaseDirectory = 29,
    FlushDirectory = 30,
    Create = 35,
    Interrupt = 36,
    Destroy = 38,
    ForgetMany = 42,
    Allocate = 43,
    ReadDirectoryPlus = 44,
    RenameWith = 45,
}

/// <summary>Numbers of the protocol. Source: kernel include/uapi/linux/fuse.h.</summary>
internal static class FileProtocol
{
    public const uint Major = 7;

    /// <summary>The newest that we speak; Linux 5.12, which every kernel of a machine is newer than.</summary>
    public const uint Minor = 33;

    public const int RequestHeaderBytes = 40;
    public const int ReplyHeaderBytes = 16;
    public const int AttributesBytes = 88;
    public const int EntryBytes = 40 + AttributesBytes;
    public const int NameBytesMax = 255;
    public const ulong RootId = 1;

    /// <summary>The most content of one call.</summary>
    public const int TransferBytesMax = 128 * 1024;

    /// <summary>The most bytes of a call: content, or two names, or an extended attribute, with what is in front.</summary>
    public const int RequestBytesMax = TransferBytesMax + 4_096;

    // FUSE_ASYNC_READ, FUSE_BIG_WRITES, FUSE_AUTO_INVAL_DATA, FUSE_DO_READDIRPLUS, FUSE_READDIRPLUS_AUTO, FUSE_PARALLEL_DIROPS, FUSE_MAX_PAGES, FUSE_HANDLE_KILLPRIV_V2
    public const uint Features = (1 << 0) | (1 << 5) | (1 << 12) | (1 << 13) | (1 << 14) | (1 << 18) | (1 << 22) | (1 << 28);

    // fuse_setattr_in.valid
    public const uint SetsMode = 1 << 0;
    public const uint SetsUser = 1 << 1;
    public const uint SetsGroup = 1 << 2;
    public const uint SetsSize = 1 << 3;
    public const uint SetsAccessTime = 1 << 4;
    public const uint SetsModifiedTime = 1 << 5;
    public const uint SetsByHandle = 1 << 6;
    public const uint SetsAccessTimeNow = 1 << 7;
    public const uint SetsModifiedTimeNow = 1 << 8;
    public const uint ClearsSetIds = 1 << 11;

    public const uint GetsByHandle = 1;
    public const uint FlushesDataOnly = 1;
    public const uint WriteClearsSetIds = 1 << 2;
    public const uint OpenClearsSetIds = 1;
}
