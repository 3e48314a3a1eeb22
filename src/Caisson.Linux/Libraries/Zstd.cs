using System.Runtime.InteropServices;

using Caisson.Errors;

using Microsoft.Win32.SafeHandles;

namespace Caisson.Linux;

/// <summary>The parts of libzstd that streams need. Source: zstd.h, "Streaming decompression" and "Streaming compression".</summary>
internal static unsafe partial class Zstd
{
    public const int ZSTD_c_compressionLevel = 100;
    public const int ZSTD_e_continue = 0;
    public const int ZSTD_e_flush = 1;
    public const int ZSTD_e_end = 2;

    private const string Library = "libzstd.so.1";

    /// <summary>ZSTD_inBuffer and ZSTD_outBuffer have the same shape.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct ZstdBuffer
    {
        public void* Bytes;
        public nuint Size;
        public nuint Position;
    }

    [LibraryImport(Library)]
    public static partial nint ZSTD_createDCtx();

    [LibraryImport(Library)]
    public static partial nuint ZSTD_freeDCtx(nint context);

    [LibraryImport(Library)]
    public static partial nuint ZSTD_decompressStream(nint context, ZstdBuffer* output, ZstdBuffer* input);

    [LibraryImport(Library)]
    public static partial nint ZSTD_createCCtx();

    [LibraryImport(Library)]
    public static partial nuint ZSTD_freeCCtx(nint context);

    [LibraryImport(Library)]
    public static partial nuint ZSTD_CCtx_setParameter(nint context, int parameter, int value);

    [LibraryImport(Library)]
    public static partial nuint ZSTD_compressStream2(nint context, ZstdBuffer* output, ZstdBuffer* input, int directive);

    [LibraryImport(Library)]
    public static partial uint ZSTD_isError(nuint code);

    [LibraryImport(Library)]
    private static partial byte* ZSTD_getErrorName(nuint code);

    /// <summary>Throws when <paramref name="code"/> is an error.</summary>
    public static nuint Check(nuint code, string what) => ZSTD_isError(code) == 0
        ? code
        : throw new InvalidDataException(
            $"{what}: {Marshal.PtrToStringUTF8((nint)ZSTD_getErrorName(code))?.ToLowerInvariant() ?? "unknown error"}");

    /// <summary>Makes a context with <paramref name="create"/>, giving a missing library a meaning.</summary>
    public static nint Create(Func<nint> create)
    {
        try
        {
            nint context = create();
            return context != 0 ? context : throw new CaissonException(ErrorKind.ResourceExhausted, "zstd: no memory for a context");
        }
        catch (DllNotFoundException e)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition,
                $"zstd needs the library {Library}, which is not on this machine; install it (Debian: libzstd1)", e);
        }
    }
}

/// <summary>A decompression context of libzstd.</summary>
internal sealed class ZstdDecompressionContext : SafeHandleZeroOrMinusOneIsInvalid
{
    public ZstdDecompressionContext() : base(ownsHandle: true) => SetHandle(Zstd.Create(Zstd.ZSTD_createDCtx));

    protected override bool ReleaseHandle() => Zstd.ZSTD_freeDCtx(handle) == 0;
}

/// <summary>A compression context of libzstd.</summary>
internal sealed class ZstdCompressionContext : SafeHandleZeroOrMinusOneIsInvalid
{
    public ZstdCompressionContext() : base(ownsHandle: true) => SetHandle(Zstd.Create(Zstd.ZSTD_createCCtx));

    protected override bool ReleaseHandle() => Zstd.ZSTD_freeCCtx(handle) == 0;
}
