using System.Diagnostics;
using System.Globalization;
using System.Text;

using Caisson.Control.State;
using Caisson.Errors;

using Xunit;

namespace Caisson.Control.Tests;

public sealed class StateStoreTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("caisson-state-").FullName;

    private string Database => $"{_directory}/state.db";

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void What_is_committed_is_there_for_the_next_engine()
    {
        using (SqliteStateStore store = SqliteStateStore.Open(Database))
        {
            store.Commit(Durability.Power, new StateChange().Put("k", "a", "1"u8.ToArray()).Put("k", "b", "2"u8.ToArray()).Append("e1"u8.ToArray()));
            store.Commit(Durability.Process, new StateChange().Delete("k", "a").Append("e2"u8.ToArray()));
        }

        using SqliteStateStore next = SqliteStateStore.Open(Database);

        StoredRecord record = Assert.Single(next.List("k"));
        Assert.Equal("b", record.Key);
        Assert.Null(next.Find("k", "a"));
        Assert.Equal([1L, 2L], next.Events(10).Select(entry => entry.Sequence));
        Assert.Equal(3, next.Commit(Durability.Process, new StateChange().Append("e3"u8.ToArray())));
    }

    [Fact]
    public void A_store_of_a_newer_version_is_refused_and_not_touched()
    {
        using (SqliteStateStore.Open(Database))
        {
        }
        using (Linux.Libraries.SqliteDatabase database = Linux.Libraries.SqliteDatabase.Open(Database))
        {
            database.Execute("PRAGMA user_version = 99");
        }

        CaissonException error = Assert.Throws<CaissonException>(() => SqliteStateStore.Open(Database));

        Assert.Equal(ErrorKind.FailedPrecondition, error.Kind);
    }

    [Fact]
    public void A_file_that_is_no_database_is_refused_with_its_name()
    {
        File.WriteAllText(Database, new string('x', 4_096));

        CaissonException error = Assert.Throws<CaissonException>(() => SqliteStateStore.Open(Database));

        Assert.Contains(Database, error.Message, StringComparison.Ordinal);
    }

    /// <summary>A child commits numbers and prints each after its commit; whatever it printed must be there however it is killed.</summary>
    [Fact]
    public async Task Nothing_acknowledged_is_lost_by_kill()
    {
        int known = 0;
        for (int round = 0; round < 5; round++)
        {
            var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
            start.Environment[CrashingWriter.Variable] = Database;
            using Process child = Process.Start(start)!;
            for (int i = 0; i < 20 + round * 7; i++)
            {
                known = int.Parse((await child.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken))!, CultureInfo.InvariantCulture);
            }
            child.Kill();
            string rest = await child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            string[] more = rest.Split('\n');
            known = more.Length > 1 ? int.Parse(more[^2], CultureInfo.InvariantCulture) : known; // the last piece may be half a line
            await child.WaitForExitAsync(TestContext.Current.CancellationToken);

            using SqliteStateStore store = SqliteStateStore.Open(Database);
            int stored = int.Parse(Encoding.UTF8.GetString(store.Find("crash", "last")!), CultureInfo.InvariantCulture);
            int pair = int.Parse(Encoding.UTF8.GetString(store.Find("crash", "pair")!), CultureInfo.InvariantCulture);
            Assert.True(stored >= known, $"{known} was acknowledged, {stored} is stored");
            Assert.Equal(stored, pair);
        }
    }
}
