using Caisson.Linux;
using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>A person at a terminal, with each of the two command lines.</summary>
public sealed class TerminalTests(Engine engine) : IClassFixture<Engine>
{
    private const string Prompt = "/ # ";
    private const string ControlC = "\u0003";
    private const string ControlD = "\u0004";
    private const string Detach = "\u0010\u0011"; // Ctrl-P Ctrl-Q

    [Theory]
    [InlineData("caisson")]
    [InlineData("docker")]
    public void A_container_run_with_a_terminal_is_worked_in_like_a_shell(string client)
    {
        using var terminal = engine.InTerminal(client, 33, 77, "run", "-it", "--rm", "--network", "none", "busybox", "sh");

        WorkInShell(terminal);

        Assert.Equal(5, terminal.WaitExit());
    }

    [Theory]
    [InlineData("caisson")]
    [InlineData("docker")]
    public void An_exec_with_a_terminal_is_worked_in_like_a_shell(string client)
    {
        string name = $"exec-{client}";
        Assert.Equal(0, engine.By(client, "run", "-d", "--name", name, "--network", "none", "busybox", "sleep", "1000").Code);
        using var terminal = engine.InTerminal(client, 33, 77, "exec", "-it", name, "sh");

        WorkInShell(terminal);

        Assert.Equal(5, terminal.WaitExit());
        Assert.Equal(0, engine.By(client, "rm", "-f", name).Code);
    }

    [Theory]
    [InlineData("caisson")]
    [InlineData("docker")]
    public void Detaching_leaves_it_running_and_attaching_comes_back(string client)
    {
        string name = $"detached-{client}";
        using (var first = engine.InTerminal(client, 24, 80, "run", "-it", "--name", name, "--network", "none", "busybox", "sh"))
        {
            first.WaitFor(Prompt);
            first.Type("kept=before\r");
            first.WaitFor(Prompt);
            first.Type(Detach);
            Assert.Equal(0, first.WaitExit());
        }
        string running = engine.By(client, "inspect", "--format", "{{.State.Running}}", name).Output;
        using var second = engine.InTerminal(client, 24, 80, "attach", name);

        // The prompt was shown to the first; whoever comes later makes the shell show another.
        second.Type("\r");
        second.WaitFor(Prompt);
        second.Type("echo and$kept\r");
        second.WaitFor("\nandbefore\r\n");
        second.WaitFor(Prompt);
        second.Type("exit 6\r");

        Assert.Equal("true\n", running);
        Assert.Equal(6, second.WaitExit());
        Assert.Equal("6\n", engine.By(client, "wait", name).Output);
        Assert.Equal(0, engine.By(client, "rm", name).Code);
    }

    /// <summary>Echo, output, size and its change, Ctrl-C, and Ctrl-D after a command that gave 5.</summary>
    private static void WorkInShell(TerminalSession terminal)
    {
        terminal.WaitFor(Prompt);
        terminal.Type("echo $((40 + 2))\r");
        terminal.WaitFor("echo $((40 + 2))\r\n42\r\n");
        terminal.WaitFor(Prompt);

        // Clients set the size just after the start.
        terminal.Type("until [ \"$(stty size)\" = '33 77' ]; do sleep 0.1; done; echo first $(stty size)\r");
        terminal.WaitFor("\nfirst 33 77\r\n");
        terminal.WaitFor(Prompt);
        terminal.Resize(new TerminalSize(44, 99));
        terminal.Type("until [ \"$(stty size)\" = '44 99' ]; do sleep 0.1; done; echo then $(stty size)\r");
        terminal.WaitFor("\nthen 44 99\r\n");
        terminal.WaitFor(Prompt);

        terminal.Type("sh -c 'echo waits; exec sleep 1000'\r"); // what says that it waits is what is interrupted
        terminal.WaitFor("\nwaits\r\n");
        terminal.Type(ControlC);
        terminal.WaitFor(Prompt);
        terminal.Type("echo lives $((1 + 1))\r");
        terminal.WaitFor("\nlives 2\r\n");
        terminal.WaitFor(Prompt);

        terminal.Type("(exit 5)\r");
        terminal.WaitFor(Prompt);
        terminal.Type(ControlD);
    }
}
