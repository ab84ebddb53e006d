/* Runs the self-test of a generated model on a bare Cortex-M. */
#include "self_test.h"

void reset(void);

/* Of cortex_m.ld: only their addresses mean anything. */
extern uint32_t stack_top, data_begin, data_end, data_load, bss_begin, bss_end;

void semihosting(uint32_t operation, const void* argument) {
  register uint32_t r0 __asm__("r0") = operation;
  register const void* r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void reset(void) {
  uint32_t* to = &data_begin;
  const uint32_t* from = &data_load;
#ifdef __ARM_FEATURE_MVE
  *(volatile uint32_t*)0xe000ed88 |= 0xf << 20; /* CPACR: vectors are switched on */
  __asm__ volatile("dsb\n  isb" ::: "memory");
#endif
  while (to < &data_end) *to++ = *from++;
  for (to = &bss_begin; to < &bss_end; ++to) *to = 0;
  exit_with(run_self_test());
}

static void fault(void) { exit_with(3); }

/* NMI, HardFault, MemManage, BusFault and UsageFault all end the run. */
__attribute__((section(".vectors"), used)) static const struct {
  uint32_t* stack;
  void (*handlers[15])(void);
} vectors = {&stack_top, {reset, fault, fault, fault, fault, fault}};
