namespace Caisson.Compose.Model;

/// <summary>Labels by which every tool for Compose projects knows what belongs to which. Source: docker compose, pkg/api.</summary>
public static class ComposeLabels
{
    /// <summary>Name of the project.</summary>
    public const string Project = "com.docker.compose.project";

    /// <summary>Absolute paths of its files, joined by commas.</summary>
    public const string ConfigFiles = "com.docker.compose.project.config_files";

    /// <summary>Its directory.</summary>
    public const string WorkingDirectory = "com.docker.compose.project.working_dir";

    /// <summary>Files of variables that were named on the command line.</summary>
    public const string EnvironmentFile = "com.docker.compose.project.environment_file";

    /// <summary>Name of the service of a container.</summary>
    public const string Service = "com.docker.compose.service";

    /// <summary>Number of a container among those of its service, from 1.</summary>
    public const string Number = "com.docker.compose.container-number";

    /// <summary><c>True</c> for what <c>run</c> made.</summary>
    public const string OneOff = "com.docker.compose.oneoff";

    /// <summary>Tells what <c>run</c> made apart.</summary>
    public const string Slug = "com.docker.compose.slug";

    /// <summary>Changes when a container, network or volume must be made anew.</summary>
    public const string ConfigHash = "com.docker.compose.config-hash";

    /// <summary>Digest of the image a container was made of.</summary>
    public const string Image = "com.docker.compose.image";

    /// <summary>What its service depends on: <c>name:condition:restart</c>, joined by commas.</summary>
    public const string DependsOn = "com.docker.compose.depends_on";

    /// <summary>The container that this one takes the place of.</summary>
    public const string Replace = "com.docker.compose.replace";

    /// <summary>Key of a network in the files.</summary>
    public const string Network = "com.docker.compose.network";

    /// <summary>Key of a volume in the files.</summary>
    public const string Volume = "com.docker.compose.volume";

    /// <summary>Version of the tool.</summary>
    public const string Version = "com.docker.compose.version";
}
