/* The self-test of a generated model without a C library, on a machine under QEMU. */
#ifndef SELF_TEST_H
#define SELF_TEST_H

#include <stdint.h>

/* Of the machine: operation 0x04 writes a text, 0x20 exits with a code ("Semihosting for AArch32 and AArch64"; RISC-V
   has the same operations). */
void semihosting(uint32_t operation, const void* argument);

void write_text(const char* text);
void write_number(uint32_t number, const char* after);
void exit_with(uint32_t code);

/* Prints what the self-test prints where there is stdio: "model: hash 0123456789abcdef, 0 wrong". Returns an exit code.
 */
uint32_t run_self_test(void);

#endif
