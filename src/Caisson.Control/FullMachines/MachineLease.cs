using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.FullMachines;

/// <summary>What the holder of a lease does with the machine.</summary>
internal enum LeaseState
{
    /// <summary>The machine is given up, and nobody is to run it unasked.</summary>
    Released,

    /// <summary>The machine runs at the holder, who says so again and again.</summary>
    Running,

    /// <summary>The machine does not run, because somebody stopped it.</summary>
    Stopped,

    /// <summary>The machine runs, and the holder's engine was stopped by somebody who knows.</summary>
    Unattended,
}

/// <summary>Who may run a machine whose copies are in a directory that several engines see: a file there, which its holder writes anew again and again.</summary>
/// <remarks>
/// Clocks of hosts are not compared: whoever waits sees that <see cref="Beat"/> stands still by a clock of its own. Terms only grow, and each is taken once:
/// by the file <c>lease.TERM</c>, which can be made only once.
/// </remarks>
internal sealed record MachineLease
{
    /// <summary>How often the holder writes.</summary>
    public static readonly TimeSpan Every = TimeSpan.FromSeconds(2);

    /// <summary>For how long the holder may fail to write before it must have ended the machine.</summary>
    public static readonly TimeSpan HolderLimit = TimeSpan.FromSeconds(10);

    /// <summary>For how long nothing is written before the holder counts as gone; longer than <see cref="HolderLimit"/> and what ending takes.</summary>
    public static readonly TimeSpan Lapse = TimeSpan.FromSeconds(20);

    private const string FileName = "lease.json";
    private const int BytesMax = 64 << 10;

    /// <summary>The machine's id.</summary>
    public required string Machine { get; init; }

    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>The id of the holder's engine.</summary>
    public required string Engine { get; init; }

    /// <summary>The holder's host.</summary>
    public string Host { get => field ?? ""; init; } = "";

    /// <summary>Which holder this is, from 1.</summary>
    public long Term { get; init; }

    /// <summary>How often the holder has written.</summary>
    public long Beat { get; init; }

    /// <summary>What the holder does with it.</summary>
    public LeaseState State { get; init; }

    /// <summary>Reads the lease; null when nobody ever had one.</summary>
    /// <exception cref="CaissonException">The directory cannot be read, or what is there is no lease.</exception>
    public static MachineLease? Find(string directory)
    {
        try
        {
            return JsonSerializer.Deserialize(HostFiles.Read(Path.Join(directory, FileName), BytesMax), LeaseJson.Default.MachineLease);
        }
        catch (LinuxException error) when (error.Errno == Errno.ENOENT)
        {
            return null;
        }
        catch (JsonException error)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{directory}/{FileName} is damaged: {error.Message}", error);
        }
    }

    /// <summary>Takes a term that nobody has had.</summary>
    /// <returns>False when somebody else was quicker.</returns>
    /// <exception cref="CaissonException">The directory cannot be written to.</exception>
    public bool TryTake(string directory)
    {
        try
        {
            using (new FileStream(TermPath(directory, Term), FileMode.CreateNew, FileAccess.Write))
            {
                // That it is there is all that it says.
            }
        }
        catch (IOException) when (File.Exists(TermPath(directory, Term)))
        {
            return false;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CaissonException(ErrorKind.Unavailable, $"take the lease in {directory}: {error.Message}", error);
        }
        Write(directory);
        File.Delete(TermPath(directory, Term - 1));
        return true;
    }

    /// <summary>Whether somebody has taken the term after <paramref name="term"/>, whatever the lease itself says: its writer may have been late.</summary>
    public static bool IsFollowed(string directory, long term) => File.Exists(TermPath(directory, term + 1));

    /// <summary>Writes the lease, on disk when this returns.</summary>
    /// <exception cref="CaissonException">The directory cannot be written to.</exception>
    public void Write(string directory)
    {
        try
        {
            string next = Path.Join(directory, $".{FileName}.{Engine}");
            using (FileStream file = new(next, FileMode.Create, FileAccess.Write))
            {
                file.Write(JsonSerializer.SerializeToUtf8Bytes(this, LeaseJson.Default.MachineLease));
                file.Flush(flushToDisk: true);
            }
            File.Move(next, Path.Join(directory, FileName), overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CaissonException(ErrorKind.Unavailable, $"write the lease in {directory}: {error.Message}", error);
        }
    }

    private static string TermPath(string directory, long term) => Path.Join(directory, string.Create(CultureInfo.InvariantCulture, $"lease.{term}"));
}

/// <summary>Compiled reading and writing.</summary>
[JsonSourceGenerationOptions(WriteIndented = true, UseStringEnumConverter = true)]
[JsonSerializable(typeof(MachineLease))]
internal sealed partial class LeaseJson : JsonSerializerContext;
