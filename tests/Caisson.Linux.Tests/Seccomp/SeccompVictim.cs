using System.Diagnostics;
using System.Globalization;

using Caisson.Linux.Seccomp;

namespace Caisson.Linux.Tests.Seccomp;

/// <summary>A small C program that installs a filter and then makes calls; built once for a run of the suite.</summary>
public sealed class SeccompVictim : IDisposable
{
    /// <summary>What the shell says of a process that SIGSYS ended.</summary>
    public const int KilledBySigsys = 128 + 31;

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

        static long call32(long nr, long a, long b, long c, long d, long e)
        {
            long result;
            __asm__ volatile("int $0x80" : "=a"(result)
                : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory", "r8", "r9", "r10", "r11");
            return (int)result;
        }

        /* usage: victim FILTER FLAGS (x64|x86):NR:A0:A1:A2:A3:A4 ... ; prints 0 or the errno of each call */
        int main(int argc, char **argv)
        {
            int fd = open(argv[1], O_RDONLY);
            long size = read(fd, program, sizeof program);
            struct sock_fprog fprog = { size / 8, program };
            close(fd);
            if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
                syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, atol(argv[2]), &fprog) < 0) {
                perror("seccomp");
                return 2;
            }
            for (int i = 3; i < argc; i++) {
                long v[6] = { 0 };
                char *p = argv[i] + 3;
                for (int k = 0; k < 6 && *p == ':'; k++)
                    v[k] = strtol(p + 1, &p, 0);
                long result;
                if (memcmp(argv[i], "x86", 3) == 0) {
                    result = call32(v[0], v[1], v[2], v[3], v[4], v[5]);
                } else {
                    result = syscall(v[0], v[1], v[2], v[3], v[4], v[5]);
                    if (result < 0)
                        result = -errno;
                }
                char line[32];
                int length = snprintf(line, sizeof line, "%ld\n", result < 0 ? -result : 0);
                syscall(SYS_write, 1, line, length);
            }
            syscall(SYS_exit_group, 0);
        }
        """;

    private readonly string _directory = Directory.CreateTempSubdirectory("caisson-seccomp-").FullName;
    private readonly string _program;

    public SeccompVictim()
    {
        _program = Path.Combine(_directory, "victim");
        File.WriteAllText(_program + ".c", Source);
        var (code, output) = Start("cc", "-O1", "-w", "-o", _program, _program + ".c");
        if (code != 0)
        {
            throw new InvalidOperationException($"cc failed: {output}");
        }
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    /// <summary>Runs under <paramref name="policy"/>; the exit code and the errno of each call that came back.</summary>
    public (int ExitCode, int[] Errnos) Run(SeccompPolicy policy, params string[] calls)
    {
        var filter = SeccompCompiler.Compile(policy).Filter;
        string path = Path.Combine(_directory, $"{Guid.NewGuid():n}.bpf");
        File.WriteAllBytes(path, filter.Program.ToArray());
        var (code, output) = Start(_program, [path, $"{(int)filter.Flags}", .. calls]);
        return (code, [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => int.Parse(l, CultureInfo.InvariantCulture))]);
    }

    private static (int ExitCode, string Output) Start(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output);
    }
}
