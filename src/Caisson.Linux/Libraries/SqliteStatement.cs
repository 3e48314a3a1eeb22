using System.Text;

using Microsoft.Win32.SafeHandles;

namespace Caisson.Linux.Libraries;

/// <summary>A compiled statement: bind, step until it says false, reset, again.</summary>
/// <remarks>Parameters count from 1 and columns from 0, as in SQLite. Not safe for concurrent use.</remarks>
public sealed unsafe class SqliteStatement : SafeHandleZeroOrMinusOneIsInvalid
{
    private readonly SqliteDatabase _database;
    private readonly string _sql;

    internal SqliteStatement(SqliteDatabase database, string sql) : base(ownsHandle: true)
    {
        _database = database;
        _sql = sql;
        byte[] text = Encoding.UTF8.GetBytes(sql);
        int result;
        nint statement;
        fixed (byte* bytes = text)
        {
            result = SqliteNative.Prepare(database.Handle, bytes, text.Length, SqliteNative.PreparePersistent, out statement, 0);
        }
        SetHandle(statement);
        if (result != SqliteNative.Ok)
        {
            throw database.Failure(result, $"prepare '{sql}' on");
        }
    }

    /// <summary>Binds text; returns itself so that calls chain.</summary>
    public SqliteStatement Bind(int index, string value)
    {
        byte[] text = Encoding.UTF8.GetBytes(value);
        fixed (byte* bytes = text)
        {
            // An empty array pins to null, which SQLite would take as NULL: any non-null address does for zero bytes.
            byte none = 0;
            Check(SqliteNative.BindText(handle, index, text.Length == 0 ? &none : bytes, text.Length, SqliteNative.Transient));
        }
        return this;
    }

    /// <summary>Binds bytes, which are copied.</summary>
    public SqliteStatement Bind(int index, ReadOnlySpan<byte> value)
    {
        fixed (byte* bytes = value)
        {
            Check(value.IsEmpty
                ? SqliteNative.BindEmptyBlob(handle, index, 0)
                : SqliteNative.BindBlob(handle, index, bytes, value.Length, SqliteNative.Transient));
        }
        return this;
    }

    /// <summary>Binds a number.</summary>
    public SqliteStatement Bind(int index, long value)
    {
        Check(SqliteNative.BindInteger(handle, index, value));
        return this;
    }

    /// <summary>Goes to the next row; false when there is none.</summary>
    public bool Step()
    {
        int result = SqliteNative.Step(handle);
        return result switch
        {
            SqliteNative.Row => true,
            SqliteNative.Done => false,
            _ => throw StepFailure(result),
        };
    }

    /// <summary>Makes the statement ready to be bound and stepped again.</summary>
    public void Reset() => _ = SqliteNative.Reset(handle); // its result repeats the failure that Step has thrown

    /// <summary>Steps once, expecting no row, and resets.</summary>
    public void Run()
    {
        _ = Step();
        Reset();
    }

    /// <summary>The current row's <paramref name="column"/> as text; empty for NULL.</summary>
    public string Text(int column)
    {
        byte* text = SqliteNative.ColumnText(handle, column);
        return text is null ? "" : Encoding.UTF8.GetString(text, SqliteNative.ColumnBytes(handle, column));
    }

    /// <summary>The current row's <paramref name="column"/> as bytes of the caller's own; empty for NULL.</summary>
    public byte[] Blob(int column)
    {
        byte* bytes = SqliteNative.ColumnBlob(handle, column);
        return bytes is null ? [] : new ReadOnlySpan<byte>(bytes, SqliteNative.ColumnBytes(handle, column)).ToArray();
    }

    /// <summary>The current row's <paramref name="column"/> as a number; 0 for NULL.</summary>
    public long Integer(int column) => SqliteNative.ColumnInteger(handle, column);

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        _ = SqliteNative.Finalize(handle); // its result repeats the failure of the last step
        return true;
    }

    private void Check(int result)
    {
        if (result != SqliteNative.Ok)
        {
            throw _database.Failure(result, $"bind '{_sql}' on");
        }
    }

    private Errors.CaissonException StepFailure(int result)
    {
        Errors.CaissonException error = _database.Failure(result, $"'{_sql}' on");
        Reset();
        return error;
    }
}
