using System.Text;

using Caisson.Control.State;

namespace Caisson.Control;

/// <summary>Who this engine is: an id that stays with its state.</summary>
/// <param name="Id">A UUID.</param>
public sealed record EngineIdentity(string Id)
{
    private const string Key = "id";

    /// <summary>Reads the id, or makes one at the first start.</summary>
    public static EngineIdentity Load(IStateStore store)
    {
        if (store.Find(RecordKind.Engine, Key) is { } known)
        {
            return new EngineIdentity(Encoding.UTF8.GetString(known));
        }
        var identity = new EngineIdentity(Guid.NewGuid().ToString());
        store.Commit(Durability.Power, new StateChange().Put(RecordKind.Engine, Key, Encoding.UTF8.GetBytes(identity.Id)));
        return identity;
    }
}
