// The launch interpreter for arm64: what interpreter.S is for x86-64, line by line. Assembled by the Abi suite and compared byte for byte with Interpreter.CodeOf.
//
// System calls keep every register but x0, so nothing is saved around them.
//
//   x19 image   x20 slots   x21 current operation   x22 end of operations
.text

// long spawn(struct clone_args *args, size_t size, void *image)
// The caller returns with the child's pid or -errno; the child starts at `interpret` and never returns.
spawn:
    mov x8, #435                    // clone3
    svc #0
    cbz x0, 1f
    ret
1:  mov x0, x2

// void interpret(void *image)
interpret:
    mov x19, x0
    sub sp, sp, #48
    ldr w9, [x19, #16]              // offset of the operations
    add x21, x19, x9
    ldr w9, [x19, #12]              // how many
    mov w10, #96
    madd x22, x9, x10, x21
    ldr w9, [x19, #20]              // offset of the slots
    add x20, x19, x9
next:
    cmp x21, x22
    b.hs done
    mov x9, #0
    ldr w10, [x21, #56]             // bit i: argument i names a slot
argument:
    add x11, x21, x9, lsl #3
    ldr x11, [x11, #8]
    lsr w12, w10, w9
    tbz w12, #0, 1f
    ldr x11, [x20, x11, lsl #3]
1:  str x11, [sp, x9, lsl #3]
    add x9, x9, #1
    cmp x9, #6
    b.lo argument
    ldp x0, x1, [sp]
    ldp x2, x3, [sp, #16]
    ldp x4, x5, [sp, #32]
    ldr x8, [x21]
    tbnz x8, #63, pseudo
    svc #0
check:
    ldr w9, [x21, #64]              // the slot of the result; errors are kept too, so that their use fails
    str x0, [x20, x9, lsl #3]
    cmn x0, #4095
    b.hs error
    ldr w9, [x21, #68]              // operations to skip after success
advance:
    add w9, w9, #1
    mov w10, #96
    madd x21, x9, x10, x21
    b next
pseudo:
    cmn x8, #2
    b.hi store
    b.eq fail
    cmn x8, #3
    b.eq require
    mov w9, #0                      // -4 branch: skip when argument 0 is not zero
    cbz x0, advance
    ldr w9, [x21, #68]
    b advance
store:                              // -1 store: the low 32 bits of argument 1 to the address in argument 0
    str w1, [x0]
    mov x0, #0
    b check
fail:                               // -2 fail: with the error number in argument 0
    neg x0, x0
    b check
require:                            // -3 require: argument 0 is not zero, else EPIPE
    mov x9, x0
    mov x0, #0
    cbnz x9, check
    mov x0, #-32
    b check
error:
    neg w0, w0
    cmp w0, #4                      // EINTR: once more
    b.eq next
    ldr w9, [x21, #76]
    cmn w9, #1                      // any error is expected
    b.eq expected
    cmp w9, w0
    b.eq expected
    ldr w9, [x21, #80]
    cmp w9, w0
    b.eq expected
    ldr w9, [x21, #84]
    cmp w9, w0
    b.eq expected
    str w0, [x19, #40]              // report: kind (set by the encoder), index, errno, stage (likewise)
    ldr w9, [x19, #16]
    sub x10, x21, x19
    sub w10, w10, w9
    mov w11, #96
    udiv w10, w10, w11
    str w10, [x19, #36]
    ldr x0, [x20, #8]               // slot 1 holds the synchronisation socket
    add x1, x19, #32
    mov x2, #16
    mov x8, #64                     // write
    svc #0
    mov x0, #1
    b exit
expected:
    ldr w9, [x21, #72]              // operations to skip after an expected error
    b advance
done:
    mov x0, #0
exit:
    mov x8, #94                     // exit_group
    svc #0
    udf #0
