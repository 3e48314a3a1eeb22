using Caisson.Errors;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>Device rules of a version 2 group: a small eBPF program attached to it. Source: bpf(2), linux/bpf.h (struct bpf_cgroup_dev_ctx); Linux 4.15.</summary>
internal static class DeviceProgram
{
    /// <summary>r2 kind, r3 permissions, r4 major, r5 minor; one block of compares for each exception, then the default.</summary>
    internal static bpf_insn[] Compile(DeviceAccess access)
    {
        List<bpf_insn> code =
        [
            Load(2, 0),                                             // r2 = access_type: kind in the low half, permissions in the high
            Move(3, 2), Alu(BPF_RSH, 3, 16),
            Alu(BPF_AND, 2, 0xFFFF),
            Load(4, 4),                                             // r4 = major
            Load(5, 8),                                             // r5 = minor
        ];
        foreach (DeviceRule rule in access.Exceptions)
        {
            List<bpf_insn> block = [Jump(BPF_JNE, 2, rule.Kind == FileKind.BlockDevice ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR)];
            if (rule.Permissions != DevicePermissions.All)
            {
                // An allowance must cover all that is asked; a refusal hits when it meets any of it.
                int mask = rule.Allow ? (int)(DevicePermissions.All & ~rule.Permissions) : (int)rule.Permissions;
                block.Add(Move(1, 3));
                block.Add(Alu(BPF_AND, 1, mask));
                block.Add(Jump(rule.Allow ? BPF_JNE : BPF_JEQ, 1, 0));
            }
            if (rule.Major is { } major)
            {
                block.Add(Jump(BPF_JNE, 4, unchecked((int)major)));
            }
            if (rule.Minor is { } minor)
            {
                block.Add(Jump(BPF_JNE, 5, unchecked((int)minor)));
            }
            block.Add(Set(0, rule.Allow ? 1 : 0));
            block.Add(new() { code = BPF_JMP | BPF_EXIT });
            for (int i = 0; i < block.Count; i++)
            {
                bool jump = (block[i].code & 7) == BPF_JMP32;
                code.Add(jump ? block[i] with { off = (short)(block.Count - i - 1) } : block[i]);
            }
        }
        code.Add(Set(0, access.DefaultAllow ? 1 : 0));
        code.Add(new() { code = BPF_JMP | BPF_EXIT });
        return [.. code];
    }

    /// <summary>Loads the program and makes it the group's only one of ours, in one step when there was one before.</summary>
    internal static unsafe void Attach(string directory, DeviceAccess access)
    {
        using var group = HostFiles.Open(directory, O_RDONLY | O_DIRECTORY);
        using var program = Load(Compile(access));
        using var former = CurrentProgram(group, directory);
        using var groupFd = group.Hold();
        using var programFd = program.Hold();
        using var formerFd = (former ?? program).Hold();
        var attach = new bpf_attr_prog_attach
        {
            target_fd = (uint)groupFd.Number,
            attach_bpf_fd = (uint)programFd.Number,
            attach_type = BPF_CGROUP_DEVICE,
            attach_flags = (uint)(BPF_F_ALLOW_MULTI | (former is null ? 0 : BPF_F_REPLACE)),
            replace_bpf_fd = former is null ? 0 : (uint)formerFd.Number,
        };
        Libc.Check(Libc.syscall(SYS_bpf, BPF_PROG_ATTACH, (nint)(&attach), sizeof(bpf_attr_prog_attach)), "bpf BPF_PROG_ATTACH", directory);
    }

    private static unsafe Descriptor Load(bpf_insn[] code)
    {
        fixed (bpf_insn* instructions = code)
        fixed (byte* license = "Apache\0"u8)
        {
            var load = new bpf_attr_prog_load
            {
                prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
                insn_cnt = (uint)code.Length,
                insns = (ulong)instructions,
                license = (ulong)license,
            };
            return Descriptor.TakeOver((int)Libc.Check(
                Libc.syscall(SYS_bpf, BPF_PROG_LOAD, (nint)(&load), sizeof(bpf_attr_prog_load)), "bpf BPF_PROG_LOAD", "device rules"));
        }
    }

    private static unsafe Descriptor? CurrentProgram(Descriptor group, string directory)
    {
        const int Capacity = 8;
        uint* ids = stackalloc uint[Capacity];
        using var fd = group.Hold();
        var query = new bpf_attr_prog_query
        {
            target_fd = (uint)fd.Number,
            attach_type = BPF_CGROUP_DEVICE,
            prog_ids = (ulong)ids,
            prog_cnt = Capacity,
        };
        Libc.Check(Libc.syscall(SYS_bpf, BPF_PROG_QUERY, (nint)(&query), sizeof(bpf_attr_prog_query)), "bpf BPF_PROG_QUERY", directory);
        switch (query.prog_cnt)
        {
            case 0:
                return null;
            case 1:
                // union bpf_attr: prog_id, next_id, open_flags
                uint* byId = stackalloc uint[] { ids[0], 0, 0 };
                return Descriptor.TakeOver((int)Libc.Check(
                    Libc.syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, (nint)byId, 12), "bpf BPF_PROG_GET_FD_BY_ID", directory));
            default:
                throw new CaissonException(
                    ErrorKind.Conflict, $"device rules of {directory}: {query.prog_cnt} programs are attached, so it is not ours alone to change");
        }
    }

    private static bpf_insn Load(int register, short offset) => new() { code = BPF_LDX | BPF_MEM | BPF_W, regs = (byte)(register | (1 << 4)), off = offset };

    private static bpf_insn Move(int to, int from) => new() { code = BPF_ALU64 | BPF_MOV | BPF_X, regs = (byte)(to | (from << 4)) };

    private static bpf_insn Set(int register, int value) => new() { code = BPF_ALU64 | BPF_MOV | BPF_K, regs = (byte)register, imm = value };

    private static bpf_insn Alu(int operation, int register, int value) => new() { code = (byte)(BPF_ALU | operation | BPF_K), regs = (byte)register, imm = value };

    private static bpf_insn Jump(int condition, int register, int value) => new() { code = (byte)(BPF_JMP32 | condition | BPF_K), regs = (byte)register, imm = value };
}
