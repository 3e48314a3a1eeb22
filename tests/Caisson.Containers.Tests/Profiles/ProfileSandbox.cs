using System.Diagnostics;
using System.Globalization;

using Caisson.Containers.Profiles;
using Caisson.Linux.Seccomp;

namespace Caisson.Containers.Tests.Profiles;

/// <summary>Runs programs under the seccomp policy of a profile; the small C program that does it is built once for a run.</summary>
public sealed class ProfileSandbox : IDisposable
{
    private const string Source = """
        #include <errno.h>
        #include <fcntl.h>
        #include <linux/filter.h>
        #include <linux/seccomp.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/prctl.h>
        #include <sys/syscall.h>
        #include <unistd.h>

        static struct sock_filter program[4096];

        /* usage: sandbox FILTER call NR:A0:A1:... ... (prints 0 or errno of each) | sandbox FILTER exec PROGRAM ARGUMENT... */
        int main(int argc, char **argv)
        {
            int fd = open(argv[1], O_RDONLY);
            long size = read(fd, program, sizeof program);
            struct sock_fprog fprog = { size / 8, program };
            close(fd);
            if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &fprog, 0, 0)) {
                perror("seccomp");
                return 125;
            }
            if (strcmp(argv[2], "exec") == 0) {
                execvp(argv[3], argv + 3);
                perror(argv[3]);
                return 127;
            }
            for (int i = 3; i < argc; i++) {
                long v[7] = { 0 };
                char *p = argv[i];
                v[0] = strtol(p, &p, 0);
                for (int k = 1; k < 7 && *p == ':'; k++)
                    v[k] = strtol(p + 1, &p, 0);
                long result = syscall(v[0], v[1], v[2], v[3], v[4], v[5], v[6]);
                printf("%d\n", result < 0 ? errno : 0);
            }
            return 0;
        }
        """;

    private readonly string _directory = Directory.CreateTempSubdirectory("caisson-profile-").FullName;
    private readonly string _program;

    public ProfileSandbox()
    {
        _program = Path.Combine(_directory, "sandbox");
        File.WriteAllText(_program + ".c", Source);
        var (code, output) = Start("cc", "-O1", "-w", "-o", _program, _program + ".c");
        if (code != 0)
        {
            throw new InvalidOperationException($"cc failed: {output}");
        }
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    /// <summary>The errno of one call, 0 for success.</summary>
    internal int Call(SecurityProfile profile, long number, params long[] arguments)
    {
        string call = string.Join(':', [number, .. arguments]);
        var (code, output) = Start(_program, FilterOf(profile), "call", call);
        return code == 0 ? int.Parse(output, CultureInfo.InvariantCulture) : throw new InvalidOperationException($"exit {code}: {output}");
    }

    /// <summary>Runs a program; its exit code and what it wrote.</summary>
    internal (int ExitCode, string Output) Run(SecurityProfile profile, params string[] command) =>
        Start(_program, [FilterOf(profile), "exec", .. command]);

    private string FilterOf(SecurityProfile profile)
    {
        string path = Path.Combine(_directory, profile.Name);
        if (!File.Exists(path))
        {
            string aside = $"{path}.{Guid.NewGuid():n}";
            File.WriteAllBytes(aside, SeccompCompiler.Compile(profile.Seccomp!.Policy).Filter.Program.ToArray());
            File.Move(aside, path, overwrite: true);
        }
        return path;
    }

    private (int ExitCode, string Output) Start(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _directory,
        };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.Result);
    }
}
