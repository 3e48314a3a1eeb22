using System.Text.Json;

using Caisson.Client.Http;
using Caisson.Client.Machines;

namespace Caisson.Client;

public sealed partial class EngineClient
{
    /// <summary>The kernels that machines boot, the newest first.</summary>
    public IReadOnlyList<KernelSummary> ListKernels()
    {
        using var response = Call("GET", "/caisson/kernels");
        using var json = response.ReadJson(JsonValueKind.Array);
        return [.. json.RootElement.EnumerateArray().Select(item => new KernelSummary(item))];
    }

    /// <summary>Has the engine get the kernel of a package; returns when it is installed.</summary>
    /// <param name="package">The package; empty for the distribution's newest.</param>
    /// <param name="architecture">What machines it is for, as images call it; empty for those of the engine's own architecture.</param>
    public KernelSummary InstallKernel(string package, string architecture)
    {
        using var response = Call("POST", "/caisson/kernels" + new QueryString().Add("package", package).Add("architecture", architecture));
        using var json = response.ReadJson();
        return new KernelSummary(json.RootElement);
    }

    /// <summary>Removes a kernel; machines that run go on with it.</summary>
    public void RemoveKernel(string release) => Do("DELETE", $"/caisson/kernels/{Escape(release)}");
}
