using Caisson.Build.Ignore;
using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.Builds;

/// <summary>Finds what paths and patterns mean in a tree, following links within it.</summary>
internal static class TreePaths
{
    private const int LinksMax = 40;

    /// <summary>One thing that a pattern means.</summary>
    /// <param name="Node">It, links followed.</param>
    /// <param name="Path">Its path in the tree, relative.</param>
    internal readonly record struct Found(TreeNode Node, string Path);

    /// <summary>The node at a path; null when there is none.</summary>
    public static TreeNode? Resolve(TreeNode root, string path)
    {
        Stack<TreeNode> above = new([root]);
        var open = new LinkedList<string>(path.Split('/', StringSplitOptions.RemoveEmptyEntries));
        int links = 0;
        while (open.First is { } first)
        {
            open.RemoveFirst();
            switch (first.Value)
            {
                case ".":
                    continue;
                case "..":
                    if (above.Count > 1)
                    {
                        above.Pop();
                    }
                    continue;
            }
            if (above.Peek().Find(first.Value) is not { } next)
            {
                return null;
            }
            if (next.Kind != FileKind.Symlink)
            {
                above.Push(next);
                continue;
            }
            if (++links > LinksMax)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"{path}: too many links follow each other");
            }
            if (next.Link.StartsWith('/'))
            {
                while (above.Count > 1)
                {
                    above.Pop();
                }
            }
            foreach (string name in next.Link.Split('/', StringSplitOptions.RemoveEmptyEntries).AsEnumerable().Reverse())
            {
                open.AddFirst(name);
            }
        }
        return above.Peek();
    }

    /// <summary>Everything that a path or a pattern means, ordered by path.</summary>
    /// <exception cref="CaissonException">The pattern is malformed.</exception>
    public static List<Found> Find(TreeNode root, string pattern)
    {
        string relative = Caisson.Build.Plans.StepPath.Join("/", pattern)[1..];
        if (!PathPattern.HasWildcards(relative))
        {
            return Resolve(root, relative) is { } node ? [new Found(node, relative)] : [];
        }
        PathPattern parsed = PathPattern.TryParse(relative)
            ?? throw new CaissonException(ErrorKind.InvalidArgument, $"'{pattern}' is no pattern: a set is not closed");
        string[] parts = relative.Split('/');
        bool deep = parts.Contains("**");
        List<Found> found = [];
        Walk(root, "", 0);
        return found;

        void Walk(TreeNode directory, string path, int depth)
        {
            foreach (TreeNode child in directory.Children())
            {
                string here = path.Length == 0 ? child.Name : $"{path}/{child.Name}";
                if (!deep && !PathPattern.MatchName(parts[depth], child.Name))
                {
                    continue;
                }
                TreeNode node = child.Kind == FileKind.Symlink ? Resolve(root, here) ?? child : child;
                if (parsed.Matches(here))
                {
                    found.Add(new Found(node, here));
                }
                else if (node.Kind == FileKind.Directory && (deep ? child.Kind == FileKind.Directory : depth + 1 < parts.Length))
                {
                    Walk(node, here, depth + 1);
                }
            }
        }
    }
}
