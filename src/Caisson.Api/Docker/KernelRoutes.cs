using Caisson.Api.Http;
using Caisson.Control.Machines;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Kernels;
using Caisson.Machines.Templates;

namespace Caisson.Api.Docker;

/// <summary>Kernels of machines: what Docker has not, below <c>/caisson</c>.</summary>
internal sealed class KernelRoutes(EngineServices services, ContainerEngine containers)
{
    private MachineServices Machines => services.Machines ?? throw new CaissonException(ErrorKind.Unimplemented, "this engine does not run machines");

    public void AddTo(Router.Builder routes)
    {
        routes.Get("/caisson/kernels", Need.To("list", "kernels"), call => call.Json([.. Machines.Kernels.List().Select(Body)], DockerJson.Default.IReadOnlyListKernelBody));
        routes.Post("/caisson/kernels", Need.To("create", "kernels"), Install);
        routes.Delete("/caisson/kernels/{release}", Need.To("delete", "kernels"), call =>
        {
            string release = call.Path("release");
            Machines.Kernels.Remove(release);
            foreach (MachineTemplate template in Machines.Templates.List().Where(template => template.Kernel == release))
            {
                Machines.Templates.Remove(template.Key);
            }
            return call.Empty();
        });
    }

    private async Task Install(Call call)
    {
        KernelArchitecture architecture = KernelArchitectures.Own;
        if (call.Query("architecture") is { Length: > 0 } named && !KernelArchitectures.TryParse(named, out architecture))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"there are no machines of {named}; there are machines of amd64 and arm64");
        }
        string package = call.Query("package") is { Length: > 0 } asked ? asked : DebianKernel.DefaultPackage(architecture);
        MachineKernel kernel = await DebianKernel.InstallAsync(
            Machines.Kernels, package, architecture, Machines.WorkDirectory, step => services.Log.Note($"install a kernel for machines: {step}"), call.Gone);
        containers.PrepareMachines(kernel);
        await call.Json(Body(kernel), DockerJson.Default.KernelBody, 201);
    }

    private KernelBody Body(MachineKernel kernel) => new(
        kernel.Release, kernel.Architecture, kernel.Source, Times.Text(kernel.Installed), kernel.KernelBytes, Machines.Templates.List().Count(template => template.Kernel == kernel.Release));
}

/// <summary>A kernel of machines.</summary>
/// <param name="Release">As <c>uname -r</c> says it.</param>
/// <param name="Architecture">What it is made for, as images call it.</param>
/// <param name="Source">The package it came in.</param>
/// <param name="Installed">When.</param>
/// <param name="Size">Bytes of the unpacked kernel.</param>
/// <param name="Templates">How many shapes of machines start from a template of it.</param>
internal sealed record KernelBody(string Release, string Architecture, string Source, string Installed, long Size, int Templates);
