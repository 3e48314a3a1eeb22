using Caisson.Errors;
using Caisson.Linux.Libraries;
using Caisson.Oci;

namespace Caisson.Registry;

/// <summary>A manifest as the index has it.</summary>
internal sealed record StoredManifest(Digest Digest, string MediaType, long Size);

/// <summary>What is in which repository, in one SQLite file: links to blobs, manifests and what they refer to, tags, uploads.</summary>
/// <remarks>For several threads. Each change is atomic and durable when it returns. Names of users live here and never become paths.</remarks>
internal sealed class RegistryIndex : IDisposable
{
    private const long SchemaVersion = 1;

    private static readonly string[] Schema =
    [
        "CREATE TABLE repositories (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
        "CREATE TABLE blobs (repository INTEGER NOT NULL, digest TEXT NOT NULL, touched INTEGER NOT NULL, PRIMARY KEY (repository, digest)) WITHOUT ROWID",
        "CREATE INDEX blobs_digest ON blobs (digest)",
        "CREATE TABLE manifests (repository INTEGER NOT NULL, digest TEXT NOT NULL, type TEXT NOT NULL, size INTEGER NOT NULL, subject TEXT NOT NULL, "
            + "descriptor BLOB NOT NULL, touched INTEGER NOT NULL, PRIMARY KEY (repository, digest)) WITHOUT ROWID",
        "CREATE INDEX manifests_subject ON manifests (repository, subject)",
        "CREATE TABLE edges (repository INTEGER NOT NULL, manifest TEXT NOT NULL, target TEXT NOT NULL, PRIMARY KEY (repository, manifest, target)) WITHOUT ROWID",
        "CREATE INDEX edges_target ON edges (repository, target)",
        "CREATE TABLE tags (repository INTEGER NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (repository, name)) WITHOUT ROWID",
        "CREATE INDEX tags_digest ON tags (repository, digest)",
        "CREATE TABLE uploads (id TEXT PRIMARY KEY, repository INTEGER NOT NULL, touched INTEGER NOT NULL) WITHOUT ROWID",
    ];

    private readonly Lock _lock = new();
    private readonly SqliteDatabase _database;
    private readonly Dictionary<string, SqliteStatement> _statements = new(StringComparer.Ordinal);

    private RegistryIndex(SqliteDatabase database) => _database = database;

    /// <summary>Opens or creates the file at <paramref name="path"/>.</summary>
    public static RegistryIndex Open(string path)
    {
        SqliteDatabase database = SqliteDatabase.Open(path);
        try
        {
            database.Execute("PRAGMA journal_mode = WAL");
            database.Execute("PRAGMA synchronous = FULL");
            database.Execute("PRAGMA trusted_schema = OFF");
            Migrate(database);
            return new RegistryIndex(database);
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    /// <summary>The number of a repository; null when there is none of that name.</summary>
    public long? Find(string repository) => Rows("SELECT id FROM repositories WHERE name = ?1", [repository], row => (long?)row.Integer(0)).FirstOrDefault();

    /// <summary>The number of a repository, which is made when there is none.</summary>
    public long Ensure(string repository)
    {
        lock (_lock)
        {
            if (Find(repository) is { } known)
            {
                return known;
            }
            Change(() => Run("INSERT OR IGNORE INTO repositories (name) VALUES (?1)", repository));
            return Find(repository)!.Value;
        }
    }

    /// <summary>Repositories after <paramref name="last"/>, in ordinal order.</summary>
    public IReadOnlyList<string> Repositories(string last) => Rows("SELECT name FROM repositories WHERE name > ?1 ORDER BY name", [last], row => row.Text(0));

    public IReadOnlyList<string> RepositoriesWith(Digest digest) => Rows(
        "SELECT name FROM blobs JOIN repositories ON id = repository WHERE digest = ?1 ORDER BY name LIMIT 1000", [digest.ToString()], row => row.Text(0));

    public bool HasBlob(long repository, Digest digest) =>
        Rows("SELECT 1 FROM blobs WHERE repository = ?1 AND digest = ?2", [repository, digest.ToString()], _ => true).Count > 0;

    public void LinkBlob(long repository, Digest digest, long now) => Change(() => Run(
        "INSERT INTO blobs (repository, digest, touched) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET touched = excluded.touched",
        repository, digest.ToString(), now));

    /// <summary>Notes that somebody has asked for a blob, who may be about to refer to it.</summary>
    public void Touch(long repository, Digest digest, long now) => Change(() => Run(
        "UPDATE blobs SET touched = ?3 WHERE repository = ?1 AND digest = ?2 AND touched < ?3 - 60", repository, digest.ToString(), now));

    public bool UnlinkBlob(long repository, Digest digest) => Change(() => Run("DELETE FROM blobs WHERE repository = ?1 AND digest = ?2", repository, digest.ToString()));

    public StoredManifest? FindManifest(long repository, Digest digest) => Rows(
        "SELECT digest, type, size FROM manifests WHERE repository = ?1 AND digest = ?2", [repository, digest.ToString()], ReadManifest).FirstOrDefault();

    public StoredManifest? FindManifest(long repository, string tag) => Rows(
        "SELECT manifests.digest, type, size FROM tags JOIN manifests ON manifests.repository = tags.repository AND manifests.digest = tags.digest "
            + "WHERE tags.repository = ?1 AND tags.name = ?2",
        [repository, tag], ReadManifest).FirstOrDefault();

    /// <summary>Keeps a manifest, what it refers to, and its tags, in one step.</summary>
    public void PutManifest(
        long repository, StoredManifest manifest, Digest subject, byte[] descriptor, IEnumerable<Digest> targets, IEnumerable<string> tags, long now) => Change(() =>
        {
            string digest = manifest.Digest.ToString();
            Run(
                "INSERT INTO manifests (repository, digest, type, size, subject, descriptor, touched) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) "
                    + "ON CONFLICT DO UPDATE SET type = excluded.type, descriptor = excluded.descriptor, touched = excluded.touched",
                repository, digest, manifest.MediaType, manifest.Size, subject.ToString(), descriptor, now);
            foreach (Digest target in targets)
            {
                Run("INSERT OR IGNORE INTO edges (repository, manifest, target) VALUES (?1, ?2, ?3)", repository, digest, target.ToString());
            }
            foreach (string tag in tags)
            {
                Run("INSERT INTO tags (repository, name, digest) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET digest = excluded.digest", repository, tag, digest);
            }
            return true;
        });

    public bool DeleteTag(long repository, string tag) => Change(() => Run("DELETE FROM tags WHERE repository = ?1 AND name = ?2", repository, tag));

    public bool DeleteManifest(long repository, Digest digest) => Change(() => DeleteManifestWithin(repository, digest.ToString()));

    /// <summary>Tags after <paramref name="last"/>, in the standard's order, which does not know case.</summary>
    public IReadOnlyList<string> Tags(long repository, string last, int count) => Rows(
        "SELECT name FROM tags WHERE repository = ?1 AND (?2 = '' OR name > ?2 COLLATE NOCASE OR (name = ?2 COLLATE NOCASE AND name > ?2)) "
            + "ORDER BY name COLLATE NOCASE, name LIMIT ?3",
        [repository, last, (long)count], row => row.Text(0));

    /// <summary>Descriptors of the manifests whose subject is <paramref name="subject"/>, by digest after <paramref name="last"/>.</summary>
    public IReadOnlyList<(string Digest, byte[] Descriptor)> Referrers(long repository, Digest subject, string last) => Rows(
        "SELECT digest, descriptor FROM manifests WHERE repository = ?1 AND subject = ?2 AND digest > ?3 ORDER BY digest",
        [repository, subject.ToString(), last], row => (row.Text(0), row.Blob(1)));

    public void PutUpload(string id, long repository, long now) => Change(() => Run(
        "INSERT INTO uploads (id, repository, touched) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET touched = excluded.touched", id, repository, now));

    public bool HasUpload(string id, long repository) =>
        Rows("SELECT 1 FROM uploads WHERE id = ?1 AND repository = ?2", [id, repository], _ => true).Count > 0;

    public void DeleteUpload(string id) => Change(() => Run("DELETE FROM uploads WHERE id = ?1", id));

    public IReadOnlyList<string> Uploads(long before) => Rows("SELECT id FROM uploads WHERE touched < ?1", [before], row => row.Text(0));

    /// <summary>Forgets manifests that nothing names any more, if asked to, and links to blobs that no manifest refers to.</summary>
    /// <returns>How many of each.</returns>
    public (int Manifests, int Links) Collect(long before, bool untagged)
    {
        int manifests = 0;
        int links = 0;
        Change(() =>
        {
            // Removing a list may leave what it lists without a name, and removing an image what is said about it.
            List<(long Repository, string Digest)> found;
            while (untagged && (found = Rows(
                "SELECT m.repository, m.digest FROM manifests m WHERE touched < ?1 "
                    + "AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.repository = m.repository AND t.digest = m.digest) "
                    + "AND NOT EXISTS (SELECT 1 FROM edges e WHERE e.repository = m.repository AND e.target = m.digest) "
                    + "AND NOT EXISTS (SELECT 1 FROM manifests s WHERE s.repository = m.repository AND s.digest = m.subject)",
                [before], row => (row.Integer(0), row.Text(1)))).Count > 0)
            {
                manifests += found.Count;
                foreach ((long repository, string digest) in found)
                {
                    DeleteManifestWithin(repository, digest);
                }
            }
            List<(long Repository, string Digest)> loose = Rows(
                "SELECT b.repository, b.digest FROM blobs b WHERE touched < ?1 "
                    + "AND NOT EXISTS (SELECT 1 FROM edges e WHERE e.repository = b.repository AND e.target = b.digest)",
                [before], row => (row.Integer(0), row.Text(1)));
            links = loose.Count;
            foreach ((long repository, string digest) in loose)
            {
                Run("DELETE FROM blobs WHERE repository = ?1 AND digest = ?2", repository, digest);
            }
            Run("DELETE FROM repositories WHERE NOT EXISTS (SELECT 1 FROM manifests WHERE repository = id) "
                + "AND NOT EXISTS (SELECT 1 FROM blobs WHERE repository = id) AND NOT EXISTS (SELECT 1 FROM uploads WHERE repository = id)");
            return true;
        });
        return (manifests, links);
    }

    /// <summary>Everything that some repository refers to.</summary>
    public HashSet<Digest> AllDigests() =>
        [.. Rows("SELECT digest FROM blobs UNION SELECT digest FROM manifests", [], row => Digest.Parse(row.Text(0)))];

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (SqliteStatement statement in _statements.Values)
            {
                statement.Dispose();
            }
            _database.Dispose();
        }
    }

    private static StoredManifest ReadManifest(SqliteStatement row) => new(Digest.Parse(row.Text(0)), row.Text(1), row.Integer(2));

    private bool DeleteManifestWithin(long repository, string digest)
    {
        bool was = Run("DELETE FROM manifests WHERE repository = ?1 AND digest = ?2", repository, digest);
        Run("DELETE FROM edges WHERE repository = ?1 AND manifest = ?2", repository, digest);
        Run("DELETE FROM tags WHERE repository = ?1 AND digest = ?2", repository, digest);
        return was;
    }

    private T Change<T>(Func<T> change)
    {
        lock (_lock)
        {
            Prepared("BEGIN IMMEDIATE").Run();
            try
            {
                T result = change();
                Prepared("COMMIT").Run();
                return result;
            }
            catch
            {
                try
                {
                    Prepared("ROLLBACK").Run();
                }
                catch (CaissonException)
                {
                    // SQLite rolls back by itself on a full disk; then there is no transaction left to end.
                }
                throw;
            }
        }
    }

    /// <summary>Runs a change; true when it changed a row.</summary>
    private bool Run(string sql, params ReadOnlySpan<object> values)
    {
        Bind(Prepared(sql), values).Run();
        SqliteStatement changes = Prepared("SELECT changes()");
        try
        {
            return changes.Step() && changes.Integer(0) > 0;
        }
        finally
        {
            changes.Reset();
        }
    }

    private List<T> Rows<T>(string sql, ReadOnlySpan<object> values, Func<SqliteStatement, T> read)
    {
        lock (_lock)
        {
            SqliteStatement statement = Bind(Prepared(sql), values);
            try
            {
                List<T> rows = [];
                while (statement.Step())
                {
                    rows.Add(read(statement));
                }
                return rows;
            }
            finally
            {
                statement.Reset();
            }
        }
    }

    private SqliteStatement Prepared(string sql)
    {
        if (!_statements.TryGetValue(sql, out SqliteStatement? statement))
        {
            _statements[sql] = statement = _database.Prepare(sql);
        }
        return statement;
    }

    private static SqliteStatement Bind(SqliteStatement statement, ReadOnlySpan<object> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            _ = values[i] switch
            {
                long number => statement.Bind(i + 1, number),
                byte[] bytes => statement.Bind(i + 1, bytes),
                string text => statement.Bind(i + 1, text),
                _ => throw new System.Diagnostics.UnreachableException($"no column holds a {values[i].GetType()}"),
            };
        }
        return statement;
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
            throw new CaissonException(ErrorKind.FailedPrecondition,
                $"open {database.Path}: written by a newer version (schema {version}, this one knows {SchemaVersion}); use that version or another directory");
        }
        if (version == SchemaVersion)
        {
            return;
        }
        database.Execute("BEGIN IMMEDIATE");
        foreach (string statement in Schema)
        {
            database.Execute(statement);
        }
        database.Execute($"PRAGMA user_version = {SchemaVersion}");
        database.Execute("COMMIT");
    }
}
