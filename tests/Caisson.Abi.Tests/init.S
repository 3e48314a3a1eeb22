# The first process of a container with --init. Assembled by the Abi suite and compared byte for byte with InitProgram.CodeOf.
#
#   init PROGRAM [ARGUMENT…]
#
# It runs PROGRAM (found by PATH when it has no slash) in a process group of its own, in the foreground of its terminal; sends every signal it
# gets on to it; reaps whoever ends; and ends when PROGRAM has: with its code, or 128 and its signal. 127: not found, 126: not executable.
# All signals stay blocked and are waited for, so none is lost. It uses its stack only.
#
#   r12 argv   r13 envp   ebx the program's pid   r14d how it ended   r15d whether it has
.intel_syntax noprefix
.text

start:
    lea r12, [rsp + 8]
    mov rax, [rsp]                  # argc
    lea r13, [rsp + rax * 8 + 16]
    cmp rax, 2
    jae 1f
    mov edi, 127
    jmp leave
1:  sub rsp, 256
    # rsp: mask of all signals; rsp + 8: the mask before; rsp + 16: status; rsp + 32: siginfo (128 bytes)
    mov qword ptr [rsp], -1
    mov eax, 14                     # rt_sigprocmask(SIG_SETMASK, all, before, 8)
    mov edi, 2
    mov rsi, rsp
    lea rdx, [rsp + 8]
    mov r10d, 8
    syscall
    mov eax, 57                     # fork
    syscall
    test eax, eax
    jz child
    mov ebx, eax
    xor r15d, r15d

wait:
    mov eax, 128                    # rt_sigtimedwait(all, siginfo, 0, 8)
    mov rdi, rsp
    lea rsi, [rsp + 32]
    xor edx, edx
    mov r10d, 8
    syscall
    test eax, eax
    js wait
    cmp eax, 17                     # SIGCHLD
    je reap
    cmp eax, 21                     # SIGTTIN, SIGTTOU: ours, as we are not in the foreground
    je wait
    cmp eax, 22
    je wait
    mov esi, eax
    mov edi, ebx
    mov eax, 62                     # kill
    syscall
    jmp wait

reap:
    mov eax, 61                     # wait4(-1, status, WNOHANG, 0)
    mov edi, -1
    lea rsi, [rsp + 16]
    mov edx, 1
    xor r10d, r10d
    syscall
    test eax, eax
    jle 1f
    cmp eax, ebx
    jne reap
    mov r14d, [rsp + 16]
    inc r15d
    jmp reap
1:  test r15d, r15d
    jz wait
    mov edi, r14d
    and edi, 127                    # the signal
    jz 2f
    add edi, 128
    jmp leave
2:  mov edi, r14d                   # the code
    shr edi, 8
    and edi, 255
leave:
    mov eax, 231                    # exit_group
    syscall

child:
    mov eax, 109                    # setpgid(0, 0)
    xor edi, edi
    xor esi, esi
    syscall
    mov eax, 39                     # getpid
    syscall
    mov [rsp + 16], eax
    mov eax, 16                     # ioctl(0, TIOCSPGRP, &pid): not a terminal is no error of ours
    xor edi, edi
    mov esi, 0x5410
    lea rdx, [rsp + 16]
    syscall
    mov eax, 14                     # rt_sigprocmask(SIG_SETMASK, before, 0, 8)
    mov edi, 2
    lea rsi, [rsp + 8]
    xor edx, edx
    mov r10d, 8
    syscall

    add r12, 8                      # the program's own arguments begin at argv[1]
    mov r14, [r12]                  # PROGRAM
    mov r15d, 127
    mov rsi, r14
1:  lodsb
    cmp al, '/'
    je direct
    test al, al
    jnz 1b
    sub rsi, r14
    mov rbp, rsi                    # its length with the zero

    # PATH
    mov rsi, r13
2:  mov rbx, [rsi]
    add rsi, 8
    test rbx, rbx
    jz fail
    cmp dword ptr [rbx], 0x48544150 # "PATH"
    jne 2b
    cmp byte ptr [rbx + 4], '='
    jne 2b
    add rbx, 5
    sub rsp, 8192

    # One directory: rbx its beginning
directory:
    mov rsi, rbx
    mov rdi, rsp
    lea rdx, [rsp + 4096]
3:  lodsb
    test al, al
    jz 4f
    cmp al, ':'
    je 4f
    stosb
    cmp rdi, rdx
    jb 3b
    jmp fail                        # longer than any path
4:  lea rbx, [rsi - 1]              # at the colon or the zero
    cmp rdi, rsp
    jne 5f
    mov al, '.'                     # an empty directory is the working directory
    stosb
5:  mov al, '/'
    stosb
    cmp rbp, 4000
    ja fail
    mov rsi, r14
    mov rcx, rbp
    rep movsb
    mov rdi, rsp
    call execute
    cmp byte ptr [rbx], 0
    je fail
    inc rbx
    jmp directory

direct:
    mov rdi, r14
    call execute

fail:
    lea rsi, [rip + missing]
    mov edx, offset missing_end - missing
    cmp r15d, 127
    je 6f
    lea rsi, [rip + refused]
    mov edx, offset refused_end - refused
6:  push rdx
    push rsi
    mov rsi, r14
    mov rdx, -1
7:  inc rdx
    cmp byte ptr [rsi + rdx], 0
    jne 7b
    mov edi, 2
    mov eax, 1                      # write(2, PROGRAM)
    syscall
    pop rsi
    pop rdx
    mov edi, 2
    mov eax, 1                      # write(2, why)
    syscall
    mov edi, r15d
    jmp leave

# Executes rdi; comes back when it cannot, with r15d = 126 unless it is just not there.
execute:
    mov eax, 59                     # execve(rdi, argv, envp)
    mov rsi, r12
    mov rdx, r13
    syscall
    cmp eax, -2                     # ENOENT
    je 8f
    cmp eax, -20                    # ENOTDIR
    je 8f
    mov r15d, 126
8:  ret

missing:
    .ascii ": no such program\n"
missing_end:
refused:
    .ascii ": the program cannot be executed\n"
refused_end:
