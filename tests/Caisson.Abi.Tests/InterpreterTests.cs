using Caisson.Linux;
using Caisson.Linux.Launch;
using Xunit;

namespace Caisson.Abi.Tests;

public sealed class InterpreterTests
{
    [Theory]
    [InlineData("interpreter.S", "gcc", "objcopy")]
    [InlineData("init.S", "gcc", "objcopy")]
    [InlineData("interpreter.arm64.S", "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-objcopy")]
    [InlineData("init.arm64.S", "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-objcopy")]
    [InlineData("server.arm64.S", "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-objcopy")]
    public void The_machine_code_is_what_its_listing_assembles_to(string file, string compiler, string copier)
    {
        Assert.SkipUnless(CCompiler.Has(compiler), $"needs {compiler}");
        string directory = Directory.CreateTempSubdirectory("caisson-abi-").FullName;
        try
        {
            string listing = Path.Combine(AppContext.BaseDirectory, file);

            Run(compiler, "-c", "-o", $"{directory}/i.o", listing);
            Run(copier, "-O", "binary", "-j", ".text", $"{directory}/i.o", $"{directory}/i.bin");

            Assert.Equal(File.ReadAllBytes($"{directory}/i.bin"), CodeOf(file));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static byte[] CodeOf(string file)
    {
        KernelArchitecture architecture = file.Contains("arm64", StringComparison.Ordinal) ? KernelArchitecture.Arm64 : KernelArchitecture.X64;
        return file.Split('.')[0] switch
        {
            "init" => InitProgram.CodeOf(architecture).ToArray(),
            "server" => ServerProgram.Arm64.ToArray(),
            _ => Interpreter.CodeOf(architecture).ToArray(),
        };
    }

    private static void Run(string program, params string[] arguments)
    {
        using var process = System.Diagnostics.Process.Start(program, arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
