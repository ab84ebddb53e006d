/* Runs the self-test of a generated model on a bare RISC-V of 32 bits and counts the instructions of its steps:
   model_step is linked by --wrap, and QEMU counts exactly with -icount. */
#include "self_test.h"

void reset(void);
/* A model that reads whole sequences has none. */
__attribute__((weak)) void __real_model_step(void* state, const void* input, int32_t* output);
/* Another file may define it, to count in another way. */
__attribute__((weak)) void __wrap_model_step(void* state, const void* input, int32_t* output);

/* CSRs by their numbers, which assemblers know by name only with an extension: minstret is 0xb02, mtvec 0x305. */
__asm__(
    ".pushsection .start, \"ax\"\n"
    ".globl start\n"
    "start:\n"
    "  la sp, stack_top\n"
    "  la t0, trapped\n"
    "  .insn i 0x73, 1, x0, t0, 0x305\n"
    "  j reset\n"
    ".balign 4\n"
    "trapped:\n"
    "  li a0, 3\n"
    "  j exit_with\n"
    ".popsection\n");

static uint32_t instructions_so_far(void) {
  uint32_t count;
  __asm__ volatile(".insn i 0x73, 2, %0, x0, -1278" : "=r"(count)); /* 0xb02 as 12 bits with a sign */
  return count;
}

void semihosting(uint32_t operation, const void* argument) {
  register uint32_t a0 __asm__("a0") = operation;
  register const void* a1 __asm__("a1") = argument;
  __asm__ volatile(
      ".balign 16\n" /* the three instructions must be in one page */
      ".option push\n"
      ".option norvc\n"
      "slli x0, x0, 0x1f\n"
      "ebreak\n"
      "srai x0, x0, 7\n"
      ".option pop"
      : "+r"(a0)
      : "r"(a1)
      : "memory");
}

static uint64_t instructions;
static uint32_t steps;

/* A model whose steps have no output of their own takes two of these arguments. */
void __wrap_model_step(void* state, const void* input, int32_t* output) {
  const uint32_t before = instructions_so_far();
  __real_model_step(state, input, output);
  instructions += instructions_so_far() - before;
  ++steps;
}

void reset(void) {
  const uint32_t code = run_self_test();
  if (steps > 0) write_number((uint32_t)(instructions / steps), " instructions per step\n");
  exit_with(code);
}
