# The launch interpreter. Assembled by the Abi suite and compared byte for byte with Interpreter.CodeOf.
#
# It walks the operations of a launch image (LaunchImage documents the layout) and makes the system calls they
# describe. It uses six words of stack, no libc, no relocation, and only memory inside the image.
#
#   rbp image   r12 slots   rbx current operation   r13 end of operations
.intel_syntax noprefix
.text

# long spawn(struct clone_args *args, size_t size, void *image)
# The caller returns with the child's pid or -errno; the child starts at `interpret` and never returns.
spawn:
    push rbx
    mov rbx, rdx
    mov eax, 435                    # clone3
    syscall
    test rax, rax
    jz 1f
    pop rbx
    ret
1:  mov rdi, rbx
    and rsp, -16

# void interpret(void *image)
interpret:
    mov rbp, rdi
    sub rsp, 48
    mov eax, [rbp + 16]             # offset of the operations
    lea rbx, [rbp + rax]
    mov eax, [rbp + 12]             # how many
    imul rax, rax, 96
    lea r13, [rbx + rax]
    mov eax, [rbp + 20]             # offset of the slots
    lea r12, [rbp + rax]
next:
    cmp rbx, r13
    jae done
    xor ecx, ecx
    mov edx, [rbx + 56]             # bit i: argument i names a slot
argument:
    mov rax, [rbx + rcx * 8 + 8]
    bt edx, ecx
    jnc 1f
    mov rax, [r12 + rax * 8]
1:  mov [rsp + rcx * 8], rax
    inc ecx
    cmp ecx, 6
    jb argument
    mov rdi, [rsp]
    mov rsi, [rsp + 8]
    mov rdx, [rsp + 16]
    mov r10, [rsp + 24]
    mov r8, [rsp + 32]
    mov r9, [rsp + 40]
    mov rax, [rbx]
    test rax, rax
    js pseudo
    syscall
check:
    mov ecx, [rbx + 64]             # the slot of the result; errors are kept too, so that their use fails
    mov [r12 + rcx * 8], rax
    cmp rax, -4095
    jae error
    mov ecx, [rbx + 68]             # operations to skip after success
advance:
    inc ecx
    imul ecx, ecx, 96
    add rbx, rcx
    jmp next
pseudo:
    inc rax
    jz store
    inc rax
    jz fail
    inc rax
    jz require
    xor eax, eax                    # -4 branch: skip when argument 0 is not zero
    test rdi, rdi
    jz 1f
    mov ecx, [rbx + 68]
    jmp advance
1:  xor ecx, ecx
    jmp advance
store:                              # -1 store: the low 32 bits of argument 1 to the address in argument 0
    mov [rdi], esi
    jmp check
fail:                               # -2 fail: with the error number in argument 0
    sub rax, rdi
    jmp check
require:                            # -3 require: argument 0 is not zero, else EPIPE
    test rdi, rdi
    jnz check
    mov rax, -32
    jmp check
error:
    neg eax
    cmp eax, 4                      # EINTR: once more
    je next
    cmp dword ptr [rbx + 76], -1    # any error is expected
    je expected
    cmp [rbx + 76], eax
    je expected
    cmp [rbx + 80], eax
    je expected
    cmp [rbx + 84], eax
    je expected
    mov [rbp + 40], eax             # report: kind (set by the encoder), index, errno, stage (likewise)
    mov rax, rbx
    sub rax, rbp
    mov ecx, [rbp + 16]
    sub eax, ecx
    xor edx, edx
    mov ecx, 96
    div ecx
    mov [rbp + 36], eax
    mov rdi, [r12 + 8]              # slot 1 holds the synchronisation socket
    lea rsi, [rbp + 32]
    mov edx, 16
    mov eax, 1                      # write
    syscall
    mov edi, 1
    jmp exit
expected:
    mov ecx, [rbx + 72]             # operations to skip after an expected error
    jmp advance
done:
    xor edi, edi
exit:
    mov eax, 231                    # exit_group
    syscall
    ud2
