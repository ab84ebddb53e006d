/* Runs the self-test of a generated model on a bare Cortex-M under QEMU: no C library, output and exit code by
   semihosting ("Semihosting for AArch32 and AArch64", operations 0x04 and 0x20). */
#include <stdint.h>

uint32_t model_self_test(uint64_t *hash);

void reset(void);

/* Of link.ld: only their addresses mean anything. */
extern uint32_t stack_top, data_begin, data_end, data_load, bss_begin, bss_end;

/* What compilers may call for loops over arrays. */
void *memset(void *to, int byte, uint32_t count);
void *memcpy(void *to, const void *from, uint32_t count);

void *memset(void *to, int byte, uint32_t count) {
  volatile uint8_t *p = to; /* volatile: else this loop would become a call of memset */
  while (count-- > 0) *p++ = (uint8_t)byte;
  return to;
}

void *memcpy(void *to, const void *from, uint32_t count) {
  volatile uint8_t *p = to;
  const uint8_t *q = from;
  while (count-- > 0) *p++ = *q++;
  return to;
}

static void semihosting(uint32_t operation, const void *argument) {
  register uint32_t r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void exit_with(uint32_t code) {
  const uint32_t argument[2] = {0x20026, code}; /* ADP_Stopped_ApplicationExit */
  semihosting(0x20, argument);
  for (;;) {
  }
}

/* "model: hash 0123456789abcdef, 0 wrong", as the self-test prints where there is stdio */
static void print(uint64_t hash, uint32_t wrong) {
  static char text[] = "model: hash 0123456789abcdef, ";
  static char count[] = "           wrong\n";
  uint32_t i = 10; /* of the digit before " wrong" */
  uint32_t k;
  for (k = 0; k < 16; ++k) text[12 + k] = "0123456789abcdef"[(hash >> (60 - 4 * k)) & 15];
  do {
    count[--i] = (char)('0' + wrong % 10);
    wrong /= 10;
  } while (wrong > 0);
  semihosting(0x04, text);
  semihosting(0x04, count + i);
}

void reset(void) {
  uint32_t *to = &data_begin;
  const uint32_t *from = &data_load;
  uint64_t hash;
  uint32_t wrong;
  while (to < &data_end) *to++ = *from++;
  for (to = &bss_begin; to < &bss_end; ++to) *to = 0;
  wrong = model_self_test(&hash);
  print(hash, wrong);
  exit_with(wrong == 0 ? 0 : 1);
}

static void fault(void) { exit_with(3); }

/* NMI, HardFault, MemManage, BusFault and UsageFault all end the run. */
__attribute__((section(".vectors"), used)) static const struct {
  uint32_t *stack;
  void (*handlers[15])(void);
} vectors = {&stack_top, {reset, fault, fault, fault, fault, fault}};
