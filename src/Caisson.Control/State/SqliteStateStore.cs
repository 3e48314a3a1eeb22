using Caisson.Errors;
using Caisson.Linux.Libraries;

namespace Caisson.Control.State;

/// <summary>The state store in one SQLite file in WAL mode: FULL synchronous for what was asked, NORMAL for what was observed.</summary>
public sealed class SqliteStateStore : IStateStore
{
    private const long SchemaVersion = 1;

    /// <summary>How many events are kept; older ones are dropped in batches.</summary>
    private const int EventsKept = 4_096;

    private readonly Lock _lock = new();
    private readonly SqliteDatabase _database;
    private readonly SqliteStatement _begin;
    private readonly SqliteStatement _commit;
    private readonly SqliteStatement _rollback;
    private readonly SqliteStatement _put;
    private readonly SqliteStatement _delete;
    private readonly SqliteStatement _append;
    private readonly SqliteStatement _trim;
    private Durability _durability = Durability.Power;
    private long _sequence;

    private SqliteStateStore(SqliteDatabase database)
    {
        _database = database;
        _begin = database.Prepare("BEGIN IMMEDIATE");
        _commit = database.Prepare("COMMIT");
        _rollback = database.Prepare("ROLLBACK");
        _put = database.Prepare("INSERT INTO records (kind, key, value) VALUES (?1, ?2, ?3) "
            + "ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value");
        _delete = database.Prepare("DELETE FROM records WHERE kind = ?1 AND key = ?2");
        _append = database.Prepare("INSERT INTO events (sequence, value) VALUES (?1, ?2)");
        _trim = database.Prepare("DELETE FROM events WHERE sequence <= ?1");
        using SqliteStatement last = database.Prepare("SELECT max(sequence) FROM events");
        _sequence = last.Step() ? last.Integer(0) : 0;
    }

    /// <summary>Opens or creates the store at <paramref name="path"/>; its directory exists and belongs to the engine alone.</summary>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.FailedPrecondition"/>: the file was written by a newer Caisson or cannot be opened.
    /// </exception>
    public static SqliteStateStore Open(string path)
    {
        SqliteDatabase database = SqliteDatabase.Open(path);
        try
        {
            database.Execute("PRAGMA journal_mode = WAL");
            database.Execute("PRAGMA synchronous = FULL");
            database.Execute("PRAGMA trusted_schema = OFF");
            database.Execute("PRAGMA cache_size = -512");
            Migrate(database);
            return new SqliteStateStore(database);
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<StoredRecord> List(string kind)
    {
        lock (_lock)
        {
            using SqliteStatement select = _database.Prepare("SELECT key, value FROM records WHERE kind = ?1 ORDER BY key");
            List<StoredRecord> records = [];
            select.Bind(1, kind);
            while (select.Step())
            {
                records.Add(new(select.Text(0), select.Blob(1)));
            }
            return records;
        }
    }

    /// <inheritdoc/>
    public byte[]? Find(string kind, string key)
    {
        lock (_lock)
        {
            using SqliteStatement select = _database.Prepare("SELECT value FROM records WHERE kind = ?1 AND key = ?2");
            select.Bind(1, kind).Bind(2, key);
            return select.Step() ? select.Blob(0) : null;
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<StoredEvent> Events(int limit)
    {
        lock (_lock)
        {
            using SqliteStatement select = _database.Prepare(
                "SELECT sequence, value FROM events WHERE sequence > ?1 ORDER BY sequence");
            List<StoredEvent> events = [];
            select.Bind(1, _sequence - limit);
            while (select.Step())
            {
                events.Add(new(select.Integer(0), select.Blob(1)));
            }
            return events;
        }
    }

    /// <inheritdoc/>
    public long Commit(Durability durability, StateChange change)
    {
        lock (_lock)
        {
            Use(durability);
            _begin.Run();
            long sequence = _sequence;
            try
            {
                foreach (StateChange.Write write in change.Writes)
                {
                    if (write.Value is null)
                    {
                        _delete.Bind(1, write.Kind).Bind(2, write.Key).Run();
                    }
                    else
                    {
                        _put.Bind(1, write.Kind).Bind(2, write.Key).Bind(3, write.Value).Run();
                    }
                }
                foreach (byte[] entry in change.Events)
                {
                    sequence++;
                    _append.Bind(1, sequence).Bind(2, entry).Run();
                    if (sequence % (EventsKept / 4) == 0)
                    {
                        _trim.Bind(1, sequence - EventsKept).Run();
                    }
                }
                _commit.Run();
            }
            catch
            {
                RollBack();
                throw;
            }
            return _sequence = sequence;
        }
    }

    /// <summary>Closes the file; SQLite folds the log into it when this was the last connection.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            foreach (SqliteStatement statement in (SqliteStatement[])[_begin, _commit, _rollback, _put, _delete, _append, _trim])
            {
                statement.Dispose();
            }
            _database.Dispose();
        }
    }

    private static void Migrate(SqliteDatabase database)
    {
        long version;
        using (SqliteStatement read = database.Prepare("PRAGMA user_version"))
        {
            version = read.Step() ? read.Integer(0) : 0;
        }
        if (version > SchemaVersion)
        {
            throw new CaissonException(
                ErrorKind.FailedPrecondition,
                $"open {database.Path}: written by a newer version (schema {version}, this one knows {SchemaVersion}); use that version or another CAISSON_ROOT");
        }
        if (version == SchemaVersion)
        {
            return;
        }
        database.Execute("BEGIN IMMEDIATE");
        database.Execute("CREATE TABLE records (kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID");
        database.Execute("CREATE TABLE events (sequence INTEGER PRIMARY KEY, value BLOB NOT NULL)");
        database.Execute($"PRAGMA user_version = {SchemaVersion}");
        database.Execute("COMMIT");
    }

    /// <summary>A WAL commit with FULL also makes every earlier NORMAL commit durable, so the mode may change between transactions.</summary>
    private void Use(Durability durability)
    {
        if (durability != _durability)
        {
            _database.Execute(durability == Durability.Power ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
            _durability = durability;
        }
    }

    private void RollBack()
    {
        try
        {
            _rollback.Run();
        }
        catch (CaissonException)
        {
            // SQLite rolls back by itself on I/O errors and a full disk; then there is no transaction left to end.
        }
    }
}
