using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;

using Caisson.Control.Hosting;
using Caisson.Control.Machines;
using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.FullMachines;

public sealed partial class FullMachine
{
    private static readonly TimeSpan TpmLimit = TimeSpan.FromSeconds(10);

    /// <summary>The id of the sandbox of its TPM.</summary>
    private string TpmId => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"tpm of {Id}")));

    /// <summary>Its TPM runs before QEMU, which connects to it, and ends with it.</summary>
    private async Task StartTpmUnlockedAsync()
    {
        if (!_record.Config.Tpm || _engine.ReadFacts().TpmPath is not { } program)
        {
            return;
        }
        string state = $"{DirectoryPath}/tpm";
        Directory.CreateDirectory(state);
        FullMachineDisks.OwnOne(state, User);
        using MountTree root = FullSandbox.MakeRoot([]);
        await using IMonitoredProcess process = await _services.Host.StartAsync(
            new ContainerLaunch
            {
                Id = TpmId,
                Spec = FullSandbox.CompileTpm(_record, TpmId, DirectoryPath, program),
                Seccomp = SandboxCompiler.Filter,
                RootMount = root,
            },
            CancellationToken.None);
        long start = Stopwatch.GetTimestamp();
        while (!Path.Exists($"{DirectoryPath}/run/tpm.sock"))
        {
            if (process.Exited.IsCompleted || Stopwatch.GetElapsedTime(start) > TpmLimit)
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, "its TPM (swtpm) does not start");
            }
            await Task.Delay(2);
        }
    }

    private async Task StopTpmUnlockedAsync()
    {
        if (_record.Config.Tpm)
        {
            await _services.Host.RemoveAsync(TpmId, CancellationToken.None);
        }
    }
}
