using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Full;

namespace Caisson.Control.FullMachines;

public sealed partial class FullMachine
{
    private const int ScreenBytesMax = 64 << 20;

    private static readonly TimeSpan AgentLimit = TimeSpan.FromSeconds(5);

    /// <summary>One conversation with the agent at a time: it has one line.</summary>
    private readonly SemaphoreSlim _agentTurn = new(1, 1);

    /// <summary>Runs a program in the machine to its end, by qemu-guest-agent.</summary>
    /// <exception cref="CaissonException">The machine does not run, or no agent runs in it.</exception>
    public async Task<GuestProgramEnd> ExecAsync(IReadOnlyList<string> command, IReadOnlyList<string>? environment, ReadOnlyMemory<byte> input, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (command.Count == 0)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "no program is given");
        }
        using (await EnterAsync(cancellationToken))
        {
            _ = RequireRun();
            if (_status.Phase == MachinePhase.Paused)
            {
                throw new CaissonException(ErrorKind.Conflict, $"machine {_record.Name} is paused; resume it first (caisson machine resume {_record.Name})");
            }
        }
        await _agentTurn.WaitAsync(cancellationToken);
        try
        {
            using GuestAgent agent = await Task.Run(() => GuestAgent.Open($"{DirectoryPath}/run/agent.sock", User, AgentLimit), cancellationToken);
            return await agent.RunAsync(command, environment, input, timeout, cancellationToken);
        }
        finally
        {
            _agentTurn.Release();
        }
    }

    /// <summary>What its screen shows, as PNG.</summary>
    public async Task<byte[]> ReadScreenAsync(CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            Run run = RequireRun();
            string path = $"{DirectoryPath}/screen.png";
            File.Delete(path);
            try
            {
                using (FileDescriptor file = HostFiles.OpenAppend(path, 0x180))
                {
                    int set = run.Monitor.GiveFile(file);
                    try
                    {
                        run.Monitor.Execute("screendump", json =>
                        {
                            json.WriteString("filename", $"/dev/fdset/{set}");
                            json.WriteString("format", "png");
                        });
                    }
                    finally
                    {
                        run.Monitor.Execute("remove-fd", json => json.WriteNumber("fdset-id", set));
                    }
                }
                return HostFiles.Read(path, ScreenBytesMax);
            }
            finally
            {
                File.Delete(path);
            }
        }
    }
}
