using Caisson.Linux.Launch;
using Xunit;

namespace Caisson.Abi.Tests;

public sealed class InterpreterTests
{
    [Theory]
    [InlineData("interpreter.S")]
    [InlineData("init.S")]
    public void The_machine_code_is_what_its_listing_assembles_to(string file)
    {
        string directory = Directory.CreateTempSubdirectory("caisson-abi-").FullName;
        try
        {
            string listing = Path.Combine(AppContext.BaseDirectory, file);

            Run("gcc", "-c", "-o", $"{directory}/i.o", listing);
            Run("objcopy", "-O", "binary", "-j", ".text", $"{directory}/i.o", $"{directory}/i.bin");

            Assert.Equal(File.ReadAllBytes($"{directory}/i.bin"), (file == "init.S" ? InitProgram.Code : Interpreter.Code).ToArray());
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static void Run(string program, params string[] arguments)
    {
        using var process = System.Diagnostics.Process.Start(program, arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
