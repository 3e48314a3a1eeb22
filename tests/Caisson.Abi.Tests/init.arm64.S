// The first process of a container with --init, for arm64: what init.S is for x86-64, line by line. Assembled by the Abi suite and compared byte for byte with InitProgram.CodeOf.
//
//   x19 argv   x20 envp   w21 the program's pid   w22 how it ended   w23 whether it has; in the child: the code if it cannot be executed
//   x24 PROGRAM   x25 its length with the zero   x26 the directory   x27, x28 what is said
.text

start:
    ldr x0, [sp]                    // argc
    add x19, sp, #8
    add x20, sp, #16
    add x20, x20, x0, lsl #3
    cmp x0, #2
    b.hs 1f
    mov w0, #127
    b leave
1:  sub sp, sp, #256
    // sp: mask of all signals; sp + 8: the mask before; sp + 16: status; sp + 32: siginfo (128 bytes)
    mov x0, #-1
    str x0, [sp]
    mov x0, #2                      // rt_sigprocmask(SIG_SETMASK, all, before, 8)
    mov x1, sp
    add x2, sp, #8
    mov x3, #8
    mov x8, #135
    svc #0
    mov x0, #17                     // clone(SIGCHLD, 0, 0, 0, 0)
    mov x1, #0
    mov x2, #0
    mov x3, #0
    mov x4, #0
    mov x8, #220
    svc #0
    cbz x0, child
    mov w21, w0
    mov w23, #0

wait:
    mov x0, sp                      // rt_sigtimedwait(all, siginfo, 0, 8)
    add x1, sp, #32
    mov x2, #0
    mov x3, #8
    mov x8, #137
    svc #0
    tbnz w0, #31, wait
    cmp w0, #17                     // SIGCHLD
    b.eq reap
    cmp w0, #21                     // SIGTTIN, SIGTTOU: ours, as we are not in the foreground
    b.eq wait
    cmp w0, #22
    b.eq wait
    mov w1, w0                      // kill
    mov w0, w21
    mov x8, #129
    svc #0
    b wait

reap:
    mov x0, #-1                     // wait4(-1, status, WNOHANG, 0)
    add x1, sp, #16
    mov x2, #1
    mov x3, #0
    mov x8, #260
    svc #0
    cmp w0, #0
    b.le 1f
    cmp w0, w21
    b.ne reap
    ldr w22, [sp, #16]
    mov w23, #1
    b reap
1:  cbz w23, wait
    ands w0, w22, #127              // the signal
    b.eq 2f
    add w0, w0, #128
    b leave
2:  ubfx w0, w22, #8, #8            // the code
leave:
    mov x8, #94                     // exit_group
    svc #0

child:
    mov x0, #0                      // setpgid(0, 0)
    mov x1, #0
    mov x8, #154
    svc #0
    mov x8, #172                    // getpid
    svc #0
    str w0, [sp, #16]
    mov x0, #0                      // ioctl(0, TIOCSPGRP, &pid): not a terminal is no error of ours
    mov x1, #0x5410
    add x2, sp, #16
    mov x8, #29
    svc #0
    mov x0, #2                      // rt_sigprocmask(SIG_SETMASK, before, 0, 8)
    add x1, sp, #8
    mov x2, #0
    mov x3, #8
    mov x8, #135
    svc #0

    add x19, x19, #8                // the program's own arguments begin at argv[1]
    ldr x24, [x19]                  // PROGRAM
    mov w23, #127
    mov x9, x24
1:  ldrb w10, [x9], #1
    cmp w10, #'/'
    b.eq direct
    cbnz w10, 1b
    sub x25, x9, x24

    // PATH
    mov x9, x20
    mov w11, #0x4150                // "PATH"
    movk w11, #0x4854, lsl #16
2:  ldr x26, [x9], #8
    cbz x26, fail
    ldr w10, [x26]
    cmp w10, w11
    b.ne 2b
    ldrb w10, [x26, #4]
    cmp w10, #'='
    b.ne 2b
    add x26, x26, #5
    sub sp, sp, #2, lsl #12

    // One directory: x26 its beginning
directory:
    mov x9, x26
    mov x10, sp
    add x11, x10, #1, lsl #12
3:  ldrb w12, [x9], #1
    cbz w12, 4f
    cmp w12, #':'
    b.eq 4f
    strb w12, [x10], #1
    cmp x10, x11
    b.lo 3b
    b fail                          // longer than any path
4:  sub x26, x9, #1                 // at the colon or the zero
    cmp sp, x10
    b.ne 5f
    mov w12, #'.'                   // an empty directory is the working directory
    strb w12, [x10], #1
5:  mov w12, #'/'
    strb w12, [x10], #1
    cmp x25, #4000
    b.hi fail
    mov x13, x24
    mov x14, x25
6:  ldrb w12, [x13], #1
    strb w12, [x10], #1
    subs x14, x14, #1
    b.ne 6b
    mov x0, sp
    bl execute
    ldrb w12, [x26]
    cbz w12, fail
    add x26, x26, #1
    b directory

direct:
    mov x0, x24
    bl execute

fail:
    adr x27, missing
    mov x28, #(missing_end - missing)
    cmp w23, #127
    b.eq 7f
    adr x27, refused
    mov x28, #(refused_end - refused)
7:  mov x1, x24
    mov x2, #-1
8:  add x2, x2, #1
    ldrb w12, [x1, x2]
    cbnz w12, 8b
    mov x0, #2                      // write(2, PROGRAM)
    mov x8, #64
    svc #0
    mov x0, #2                      // write(2, why)
    mov x1, x27
    mov x2, x28
    mov x8, #64
    svc #0
    mov w0, w23
    b leave

// Executes x0; comes back when it cannot, with w23 = 126 unless it is just not there.
execute:
    mov x1, x19                     // execve(x0, argv, envp)
    mov x2, x20
    mov x8, #221
    svc #0
    cmn w0, #2                      // ENOENT
    b.eq 9f
    cmn w0, #20                     // ENOTDIR
    b.eq 9f
    mov w23, #126
9:  ret

missing:
    .ascii ": no such program\n"
missing_end:
refused:
    .ascii ": the program cannot be executed\n"
refused_end:
