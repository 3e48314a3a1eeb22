using System.Security.Cryptography;
using System.Text.Json;

using Caisson.Control.Events;
using Caisson.Control.Json;
using Caisson.Control.Listing;
using Caisson.Control.Model;
using Caisson.Control.State;
using Caisson.Errors;

namespace Caisson.Control.Secrets;

/// <summary>Secrets and configs: small files that containers get by name, without being part of an image or of a container's record.</summary>
/// <remarks>
/// The content of each is in a file of mode 0600 in a directory of mode 0700 below the engine's root; it is never in records, events, logs
/// or answers (a config's is in answers). Safe for concurrent use.
/// </remarks>
public sealed class SecretStore
{
    private const int BytesMax = 500 * 1024;
    private const int NameMax = 64;
    private const string Letters = "0123456789abcdefghijklmnopqrstuvwxyz";

    private readonly Lock _lock = new();
    private readonly Dictionary<string, SecretRecord> _byId = [];
    private readonly string _directory;
    private readonly EventLog _events;
    private readonly TimeProvider _time;

    /// <summary>Loads what <paramref name="store"/> has.</summary>
    /// <param name="root">CAISSON_ROOT, absolute.</param>
    /// <param name="store">Has the records.</param>
    /// <param name="events">Commits and tells.</param>
    /// <param name="time">The clock.</param>
    public SecretStore(string root, IStateStore store, EventLog events, TimeProvider time)
    {
        _directory = $"{root}/secrets";
        _events = events;
        _time = time;
        foreach (StoredRecord stored in store.List(RecordKind.Secret))
        {
            if (JsonSerializer.Deserialize(stored.Value, ControlJson.Default.SecretRecord) is { } record)
            {
                _byId.Add(record.Id, record);
            }
        }
        foreach (string file in Directory.Exists(_directory) ? Directory.GetFiles(_directory) : [])
        {
            if (!_byId.ContainsKey(Path.GetFileName(file)))
            {
                File.Delete(file); // of a creation that a crash cut short
            }
        }
    }

    /// <summary>Keeps <paramref name="content"/> under a name.</summary>
    /// <exception cref="ProblemsException">The name or the length is wrong.</exception>
    /// <exception cref="CaissonException"><see cref="ErrorKind.AlreadyExists"/>: the name is taken.</exception>
    public SecretRecord Create(bool isConfig, string name, IReadOnlyDictionary<string, string>? labels, ReadOnlySpan<byte> content)
    {
        string kind = Kind(isConfig);
        List<Problem> problems = [];
        if (name.Length is 0 or > NameMax || !char.IsAsciiLetterOrDigit(name[0]) || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
        {
            problems.Add(new("/Name", $"invalid name '{name}': 1 to {NameMax} letters, digits, '-', '_' and '.', of which the first is a letter or a digit"));
        }
        if (content.Length is 0 or > BytesMax)
        {
            problems.Add(new("/Data", $"a {kind} has 1 to {BytesMax} bytes, this has {content.Length}"));
        }
        ProblemsException.ThrowIfAny($"create {kind}", problems);
        lock (_lock)
        {
            if (_byId.Values.FirstOrDefault(other => other.IsConfig == isConfig && other.Name == name) is { } holder)
            {
                throw new CaissonException(ErrorKind.AlreadyExists, $"{kind} {name} exists already (id {holder.Id}); remove it, or give another name");
            }
            var record = new SecretRecord
            {
                Id = RandomNumberGenerator.GetString(Letters, 25),
                Name = name,
                Created = _time.GetUtcNow(),
                Labels = labels ?? new Dictionary<string, string>(),
                IsConfig = isConfig,
                Bytes = content.Length,
            };
            Write(record.Id, content);
            try
            {
                _events.Commit(
                    Durability.Power, new StateChange().Put(RecordKind.Secret, record.Id, record, ControlJson.Default.SecretRecord), Event(record, "create"));
            }
            catch
            {
                File.Delete(PathOf(record.Id));
                throw;
            }
            _byId.Add(record.Id, record);
            return record;
        }
    }

    /// <summary>All of one kind, by name.</summary>
    public IReadOnlyList<SecretRecord> List(bool isConfig, FilterSet filters)
    {
        filters.RequireKnown("id", "label", "label!", "name", "names");
        lock (_lock)
        {
            return
            [
                .. _byId.Values.Where(record => record.IsConfig == isConfig
                    && filters.Allows("id", id => record.Id.StartsWith(id, StringComparison.Ordinal))
                    && filters.Allows("name", name => record.Name.StartsWith(name, StringComparison.Ordinal))
                    && filters.Allows("names", name => record.Name == name)
                    && filters.AllowsLabels(record.Labels)).OrderBy(record => record.Name, StringComparer.Ordinal),
            ];
        }
    }

    /// <summary>The one of an id, a name, or the beginning of an id.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>.</exception>
    public SecretRecord Find(bool isConfig, string reference)
    {
        lock (_lock)
        {
            if (_byId.TryGetValue(reference, out SecretRecord? exact) && exact.IsConfig == isConfig)
            {
                return exact;
            }
            SecretRecord[] kind = [.. _byId.Values.Where(record => record.IsConfig == isConfig)];
            SecretRecord[] fits = [.. kind.Where(record => record.Name == reference)];
            fits = fits.Length > 0 || reference.Length == 0 ? fits : [.. kind.Where(record => record.Id.StartsWith(reference, StringComparison.Ordinal))];
            return fits.Length == 1 ? fits[0] : throw new CaissonException(ErrorKind.NotFound, $"{Kind(isConfig)} {reference} not found");
        }
    }

    /// <summary>The content; for containers, and of a config for whoever asks.</summary>
    public byte[] Read(SecretRecord record)
    {
        try
        {
            return File.ReadAllBytes(PathOf(record.Id));
        }
        catch (IOException error)
        {
            throw new CaissonException(ErrorKind.Internal, $"read {Kind(record.IsConfig)} {record.Name}: {error.Message}", error);
        }
    }

    /// <summary>Removes one.</summary>
    /// <param name="record">Which.</param>
    /// <param name="users">Names of the containers that have it; while there are any, it stays.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: a container has it.</exception>
    public void Remove(SecretRecord record, IReadOnlyList<string> users)
    {
        if (users.Count > 0)
        {
            throw new CaissonException(
                ErrorKind.InvalidArgument, $"{Kind(record.IsConfig)} '{record.Name}' is in use by container {string.Join(", ", users)}; remove the container first");
        }
        lock (_lock)
        {
            if (_byId.Remove(record.Id))
            {
                _events.Commit(Durability.Power, new StateChange().Delete(RecordKind.Secret, record.Id), Event(record, "remove"));
                File.Delete(PathOf(record.Id));
            }
        }
    }

    /// <summary>What a kind is called.</summary>
    public static string Kind(bool isConfig) => isConfig ? "config" : "secret";

    private void Write(string id, ReadOnlySpan<byte> content)
    {
        Directory.CreateDirectory(_directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using var file = new FileStream(PathOf(id), new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        file.Write(content);
        file.Flush(flushToDisk: true);
    }

    private string PathOf(string id) => $"{_directory}/{id}";

    private EngineEvent Event(SecretRecord record, string action) => new()
    {
        Type = Kind(record.IsConfig),
        Action = action,
        ActorId = record.Id,
        Attributes = new Dictionary<string, string> { ["name"] = record.Name },
        At = _time.GetUtcNow(),
    };
}
