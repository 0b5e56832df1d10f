/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The guest of the demo VMs: one boot sector, real mode. It says "vmferry guest up" on COM1,
 * enables the ACPI power button and, once that is pressed, powers off; between looks it halts until
 * the next timer tick (55 ms). It touches no disk, so that copies can be compared with what was
 * made; but with byte 3 of the sector set it writes, at each tick, a sector by the BIOS
 * (int 13h, function 43h): to sector 2048 + C % 1024 * 64 the counter C, and the processor's clock.
 *
 * Where the ACPI registers are is read from the chipset: PIIX4 power management (00:01.3, of -M pc)
 * or ICH9 LPC (00:1f.0, of -M q35), both have the I/O base in register 0x40. PM1_STS is at +0,
 * PM1_EN at +2, PM1_CNT at +4 (ACPI 1.0 section 4.7.3); bit 8 is the power button, PM1_CNT bit 13
 * SLP_EN with SLP_TYP 0, which QEMU's both chipsets take for soft-off. */
#include "config.h"
#include <string.h>
#include "tests/lab/lab.h"

#define IGNORE_OFFSET 2 /* this byte not 0: the button is ignored */

#if defined(__x86_64__) || defined(__i386__)
extern const unsigned char lab_guest_code[512];

__asm__(".pushsection .rodata\n"
        ".balign 16\n"
        ".globl lab_guest_code\n"
        "lab_guest_code:\n"
        ".code16\n"
        "    jmp 1f\n"
        "    .byte 0\n" /* IGNORE_OFFSET */
        "    .byte 0\n" /* write at each tick */
        "1:  cli\n"
        "    xorw %ax, %ax\n"
        "    movw %ax, %ds\n"
        "    movw %ax, %ss\n"
        "    movw $0x7c00, %sp\n"
        "    cld\n"
        "    movb %dl, 0x7e20\n" /* the drive that we came from */
        "    movl $0, 0x8000\n"
        "    movw $(lab_guest_text - lab_guest_code + 0x7c00), %si\n"
        "    movw $0x3f8, %dx\n"
        "2:  lodsb\n"
        "    testb %al, %al\n"
        "    jz 3f\n"
        "    outb %al, %dx\n"
        "    jmp 2b\n"
        /* the chipset: 00:01.3 PIIX4 PM? */
        "3:  movl $0x80000b00, %ebx\n"
        "    movl %ebx, %eax\n"
        "    movw $0xcf8, %dx\n"
        "    outl %eax, %dx\n"
        "    movw $0xcfc, %dx\n"
        "    inl %dx, %eax\n"
        "    cmpl $0x71138086, %eax\n"
        "    je 4f\n"
        "    movl $0x8000f800, %ebx\n" /* else 00:1f.0 */
        "4:  leal 0x40(%ebx), %eax\n"
        "    movw $0xcf8, %dx\n"
        "    outl %eax, %dx\n"
        "    movw $0xcfc, %dx\n"
        "    inl %dx, %eax\n"
        "    andw $0xff80, %ax\n"
        "    movw %ax, %di\n"
        /* enable the button, then look at it after every tick */
        "    leaw 2(%di), %dx\n"
        "    movw $0x100, %ax\n"
        "    outw %ax, %dx\n"
        "5:  sti\n"
        "    hlt\n"
        "    cmpb $0, 0x7c03\n"
        "    je 8f\n"
        /* the packet at 0x7e00: 1 sector from 0:8000 to the address at +8 */
        "    pushal\n"
        "    movl 0x8000, %eax\n"
        "    incl %eax\n"
        "    movl %eax, 0x8000\n"
        "    andl $1023, %eax\n"
        "    shll $6, %eax\n"
        "    addl $2048, %eax\n"
        "    movl %eax, 0x7e08\n"
        "    movl $0, 0x7e0c\n"
        "    movl $0x10010, 0x7e00\n"
        "    movl $0x8000, 0x7e04\n"
        "    rdtsc\n"
        "    movl %eax, 0x8004\n"
        "    movb 0x7e20, %dl\n"
        "    movw $0x7e00, %si\n"
        "    movw $0x4300, %ax\n"
        "    int $0x13\n"
        "    popal\n"
        "8:  movw %di, %dx\n"
        "    inw %dx, %ax\n"
        "    testw $0x100, %ax\n"
        "    jz 5b\n"
        "    movw $0x100, %ax\n" /* seen: writing a one clears it */
        "    outw %ax, %dx\n"
        "    cmpb $0, 0x7c02\n"
        "    jne 5b\n"
        "    movw $(lab_guest_down - lab_guest_code + 0x7c00), %si\n"
        "    movw $0x3f8, %dx\n"
        "6:  lodsb\n"
        "    testb %al, %al\n"
        "    jz 7f\n"
        "    outb %al, %dx\n"
        "    jmp 6b\n"
        "7:  leaw 4(%di), %dx\n"
        "    movw $0x2000, %ax\n"
        "    outw %ax, %dx\n"
        "    jmp 5b\n"
        "lab_guest_text: .asciz \"vmferry guest up\\r\\n\"\n"
        "lab_guest_down: .asciz \"vmferry guest down\\r\\n\"\n"
        "    .org lab_guest_code + 510 - 0, 0\n"
        "    .byte 0x55, 0xaa\n"
#if defined(__x86_64__)
        ".code64\n"
#else
        ".code32\n"
#endif
        ".popsection\n");
#else
static const unsigned char lab_guest_code[512]; /* no x86: the VMs run, but boot nothing */
#endif

void lab_guest_sector(unsigned char out[512], bool ignore_button)
{
    memcpy(out, lab_guest_code, 512);
    out[IGNORE_OFFSET] = ignore_button;
}
