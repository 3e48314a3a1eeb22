namespace Caisson.Build.Plans;

/// <summary>Paths inside an image, as text.</summary>
public static class StepPath
{
    /// <summary>The absolute path, without <c>.</c>, <c>..</c> and double slashes, that <paramref name="path"/> is in <paramref name="directory"/>.</summary>
    /// <param name="directory">Absolute; null or empty for the root.</param>
    /// <param name="path">Absolute or relative.</param>
    public static string Join(string? directory, string path)
    {
        List<string> names = [];
        string whole = path.StartsWith('/') ? path : $"{directory}/{path}";
        foreach (string name in whole.Split('/'))
        {
            if (name == "..")
            {
                if (names.Count > 0)
                {
                    names.RemoveAt(names.Count - 1);
                }
            }
            else if (name.Length > 0 && name != ".")
            {
                names.Add(name);
            }
        }
        return "/" + string.Join('/', names);
    }
}
