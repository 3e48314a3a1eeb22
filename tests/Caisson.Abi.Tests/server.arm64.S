// The first process of a machine of another architecture: walks a launch image, says how that went, receives the next and walks that, for ever.
// What there is to decide is decided on the host. Assembled by the Abi suite and compared byte for byte with ServerProgram.
//
// The first image is in the executable and opens the line to the host; it leaves its descriptor in slot 1, where every later image has it, too.
// An answer is 16 bytes (0 or 1 for failed, index, errno, stage) and, unless it failed, the part of the image that words 13 and 14 of its header name.
// Images are received at 0x10000000, which the first image has mapped. Unlike the interpreter's, jumps may go back.
//
//   x19 image   x20 slots   x21 current operation   x22 end of operations   x24 the line
.text

start:                              // x0 the first image
    sub sp, sp, #48
walk:
    mov x19, x0
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
    ldrsw x9, [x21, #68]            // operations to skip after success; may be negative
advance:
    add x9, x9, #1
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
    ldrsw x9, [x21, #68]
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
    str w0, [x19, #40]              // answer: failed, index, errno, stage (set by the encoder)
    ldr w9, [x19, #16]
    sub x10, x21, x19
    sub w10, w10, w9
    mov w11, #96
    udiv w10, w10, w11
    str w10, [x19, #36]
    mov w9, #1
    b answer
expected:
    ldrsw x9, [x21, #72]            // operations to skip after an expected error
    b advance
done:
    mov w9, #0
answer:
    str w9, [x19, #32]
    mov w25, w9
    ldr x24, [x20, #8]
    add x1, x19, #32
    mov x2, #16
    bl send
    cbnz w25, receive
    ldr w1, [x19, #52]
    add x1, x1, x19
    ldr w2, [x19, #56]
    bl send
receive:
    mov x1, #0x10000000
    mov x2, #64
    bl fill
    mov x1, #0x10000000
    ldr w2, [x1, #8]
    sub x2, x2, #64
    add x1, x1, #64
    bl fill
    mov x0, #0x10000000
    b walk

// All of x2 bytes at x1; a line that is not ready yet is asked again.
send:
    mov x8, #64                     // write
    b 1f
fill:
    mov x8, #63                     // read
1:  cbz x2, 2f
    mov x0, x24
    svc #0
    cmp x0, #0
    b.le 1b
    add x1, x1, x0
    sub x2, x2, x0
    b 1b
2:  ret
