using System.Runtime.InteropServices;

using Caisson.Errors;

using Microsoft.Win32.SafeHandles;

namespace Caisson.Linux.Libraries;

/// <summary>One connection to a database file of the system's SQLite.</summary>
/// <remarks>
/// Calls may come from any thread but only from one at a time. Statements are disposed before their database; the file is
/// released when the last of them is gone (sqlite3_close_v2). Loads <c>libsqlite3.so.0</c> at the first use.
/// </remarks>
public sealed class SqliteDatabase : SafeHandleZeroOrMinusOneIsInvalid
{
    private SqliteDatabase(nint database, string path) : base(ownsHandle: true)
    {
        SetHandle(database);
        Path = path;
    }

    /// <summary>The file, as it was given to <see cref="Open"/>.</summary>
    public string Path { get; }

    /// <summary>Opens or creates the database at <paramref name="path"/>, an absolute path whose last part is no symbolic link.</summary>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.Unimplemented"/>: the library is not installed; otherwise the file cannot be opened.
    /// </exception>
    public static SqliteDatabase Open(string path)
    {
        nint handle;
        int result;
        try
        {
            result = SqliteNative.Open(
                path,
                out handle,
                SqliteNative.OpenReadWrite | SqliteNative.OpenCreate | SqliteNative.OpenFullMutex | SqliteNative.OpenNoFollow,
                0);
        }
        catch (DllNotFoundException error)
        {
            throw new CaissonException(
                ErrorKind.Unimplemented, "open the state database: libsqlite3.so.0 is not installed; install the package libsqlite3-0", error);
        }

        var database = new SqliteDatabase(handle, path);
        if (result != SqliteNative.Ok)
        {
            CaissonException error = database.Failure(result, "open");
            database.Dispose();
            throw error;
        }
        _ = SqliteNative.BusyTimeout(handle, 5_000);
        return database;
    }

    /// <summary>Compiles one statement that is used many times; the caller disposes it.</summary>
    public SqliteStatement Prepare(string sql) => new(this, sql);

    /// <summary>Runs one statement to its end, ignoring rows.</summary>
    public void Execute(string sql)
    {
        using SqliteStatement statement = Prepare(sql);
        while (statement.Step())
        {
        }
    }

    internal nint Handle => handle;

    internal CaissonException Failure(int result, string action)
    {
        string reason = handle == 0 ? "out of memory" : Marshal.PtrToStringUTF8(SqliteNative.ErrorMessage(handle)) ?? "unknown";
        ErrorKind kind = (result & 0xFF) switch
        {
            SqliteNative.Busy => ErrorKind.Unavailable,
            SqliteNative.Full => ErrorKind.ResourceExhausted,
            SqliteNative.Constraint => ErrorKind.AlreadyExists,
            SqliteNative.CantOpen => ErrorKind.FailedPrecondition,
            _ => ErrorKind.Internal,
        };
        string remedy = (result & 0xFF) is SqliteNative.Corrupt or SqliteNative.NotADatabase
            ? "; move the file away to start with an empty state"
            : "";
        return new CaissonException(kind, $"{action} {Path}: {reason} (SQLite result {result}){remedy}");
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => SqliteNative.Close(handle) == SqliteNative.Ok;
}
