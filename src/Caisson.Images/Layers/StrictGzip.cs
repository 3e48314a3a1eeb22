using System.IO.Compression;
using System.Runtime.CompilerServices;

using Caisson.Errors;

namespace Caisson.Images.Layers;

/// <summary>gzip that notices when its data is cut off, which .NET's decoder does only when told to.</summary>
internal static class StrictGzip
{
    private static readonly bool NoticesTruncation = Probe();

#pragma warning disable CA2255 // the switch is read once, at the first use of the decoder by anybody in the process
    [ModuleInitializer]
    internal static void Enable() => AppContext.SetSwitch("System.IO.Compression.UseStrictValidation", true);
#pragma warning restore CA2255

    /// <summary>Decodes <paramref name="source"/>, member after member; owns it.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Internal"/>: the switch came too late in this process.</exception>
    public static Stream Open(Stream source) => NoticesTruncation
        ? new GZipStream(source, CompressionMode.Decompress)
        : throw new CaissonException(ErrorKind.Internal,
            "gzip: the decoder of this process does not notice truncated data; set System.IO.Compression.UseStrictValidation in its configuration");

    /// <summary>True when a stream cut in the middle is refused.</summary>
    private static bool Probe()
    {
        using var whole = new MemoryStream();
        using (var encoder = new GZipStream(whole, CompressionLevel.Fastest, leaveOpen: true))
        {
            encoder.Write("truncated data must not pass for the whole"u8);
        }
        using var decoder = new GZipStream(new MemoryStream(whole.ToArray()[..20]), CompressionMode.Decompress);
        try
        {
            decoder.CopyTo(Stream.Null);
            return false;
        }
        catch (InvalidDataException)
        {
            return true;
        }
    }
}
