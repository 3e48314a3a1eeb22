using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;

using Caisson.Cli.CommandLine;
using Caisson.Client;
using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine ssh</c></summary>
internal sealed class MachineSshCommand : Command
{
    private readonly ValueOption<string> _login, _identity;

    public MachineSshCommand()
    {
        _login = Text("login", "The user to log in as", 'l', "user");
        _identity = Text("identity", "The private key", 'i', "path");
    }

    public override string Usage => "[OPTIONS] MACHINE [COMMAND] [ARG...]";

    public override string Details => "Runs this host's ssh(1) with the machine's address; its keys and settings hold.";

    public override IReadOnlyList<string> Examples => ["machine ssh -l debian deb", "machine ssh -l root deb uptime"];

    public override (int Min, int Max) ArgumentCount => (1, -1);

    public override bool StopsAtFirstArgument => true;

    public override CompletionKind Completes => CompletionKind.Machines;

    public override int Run(Session session)
    {
        using JsonDocument machine = session.Engine.InspectMachine(Arguments[0]);
        if (machine.RootElement.Text("State") != "running")
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"machine {Arguments[0]} does not run; start it first (caisson machine start {Arguments[0]})");
        }
        string address = machine.RootElement.Items("Interfaces").Select(one => one.Text("IPv4")).FirstOrDefault(text => text.Length > 0)
            ?? throw new CaissonException(ErrorKind.FailedPrecondition, $"machine {Arguments[0]} is in no network");
        string id = machine.RootElement.Text("Id");
        List<string> arguments = ["-o", $"HostKeyAlias=caisson-{id[..12]}", "-o", "StrictHostKeyChecking=accept-new"];
        if (_login.Value.Length > 0)
        {
            arguments.AddRange(["-l", _login.Value]);
        }
        if (_identity.Value.Length > 0)
        {
            arguments.AddRange(["-i", _identity.Value]);
        }
        session.Flush();
        return Start([.. arguments, address.Split('/')[0], .. Arguments.Skip(1)]);
    }

    private static int Start(IReadOnlyList<string> arguments)
    {
        try
        {
            // It is ssh that is interrupted, and it passes that on.
            using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true);
            using Process ssh = Process.Start(new ProcessStartInfo("ssh", arguments) { UseShellExecute = false })!;
            ssh.WaitForExit();
            return ssh.ExitCode;
        }
        catch (Win32Exception error)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, "ssh is not installed on this host; install it (Debian: apt-get install openssh-client)", error);
        }
    }
}
