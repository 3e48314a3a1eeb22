namespace Caisson.Compose.Running;

/// <summary>Is told how a plan goes on; called from several threads at once.</summary>
public interface IComposeProgress
{
    /// <summary>A step begins.</summary>
    /// <param name="subject">What it is about: <c>Container demo-web-1</c>.</param>
    /// <param name="doing">What happens: <c>Creating</c>.</param>
    void Begin(string subject, string doing);

    /// <summary>A step is done.</summary>
    /// <param name="subject">As it was begun.</param>
    /// <param name="done">What has happened: <c>Created</c>.</param>
    void End(string subject, string done);

    /// <summary>A step failed.</summary>
    /// <param name="subject">As it was begun.</param>
    /// <param name="message">Why.</param>
    void Fail(string subject, string message);

    /// <summary>Something the user should know.</summary>
    void Notice(string message);
}
