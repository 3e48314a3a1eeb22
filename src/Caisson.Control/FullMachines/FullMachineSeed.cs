using System.Text;

using Caisson.Control.Model;
using Caisson.Machines.CloudInit;
using Caisson.Machines.Full;

namespace Caisson.Control.FullMachines;

/// <summary>Writes the disc that tells a machine who it is at its first start.</summary>
internal static class FullMachineSeed
{
    /// <summary>Writes it among the machine's disks; false when nothing was asked for.</summary>
    /// <param name="asked">What the machine is told.</param>
    /// <param name="record">The machine.</param>
    /// <param name="directory">Its directory.</param>
    /// <param name="made">The time that everything on the disc has.</param>
    /// <exception cref="Caisson.Errors.ProblemsException">Something of it is wrong; says where.</exception>
    public static bool Write(MachineSeedRequest? asked, FullMachineRecord record, string directory, DateTimeOffset made)
    {
        if (asked is null)
        {
            return false;
        }
        Seed seed = Seed.Compile(new SeedConfig
        {
            InstanceId = InstanceOf(record),
            Hostname = asked.Hostname.Length > 0 ? asked.Hostname : record.Name.Replace('_', '-'),
            User = asked.User,
            SshKeys = asked.SshKeys,
            Password = asked.Password,
            Packages = asked.Packages,
            Commands = asked.Commands,
            UserData = asked.UserData.Length > 0 ? asked.UserData : null,
            NetworkConfig = asked.NetworkConfig.Length > 0 ? asked.NetworkConfig : null,
        });
        File.WriteAllBytes($"{directory}/disks/{FullMachinePlan.SeedName}", seed.ToDisc(made));
        return true;
    }

    /// <summary>Writes the disc of a machine for its clone: another instance, which does its first start again and has keys of its own.</summary>
    public static void Copy(FullMachineRecord source, string from, FullMachineRecord clone, string to)
    {
        if (!source.Config.HasSeed)
        {
            return;
        }
        byte[] disc = File.ReadAllBytes($"{from}/disks/{FullMachinePlan.SeedName}");
        byte[] before = Encoding.ASCII.GetBytes(InstanceOf(source));
        byte[] after = Encoding.ASCII.GetBytes(InstanceOf(clone));
        for (int at = 0; disc.AsSpan(at).IndexOf(before) is >= 0 and var found; at += found + before.Length)
        {
            after.CopyTo(disc, at + found); // of the same length, so nothing else on it moves
        }
        File.WriteAllBytes($"{to}/disks/{FullMachinePlan.SeedName}", disc);
    }

    private static string InstanceOf(FullMachineRecord record) => record.Id[..32];
}
