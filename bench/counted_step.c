/* Marks the steps of a generated model: linked by --wrap=model_step between its self-test and model.c. */
#include <stdint.h>

void __real_model_step(void* state, const void* input, const void* third, void* fourth);
void __wrap_model_step(void* state, const void* input, const void* third, void* fourth);
void step_begins(void);
void step_ends(void);

__attribute__((noinline)) void step_begins(void) { __asm__ volatile("nop"); }
__attribute__((noinline)) void step_ends(void) { __asm__ volatile("nop"); }

/* A step may have fewer arguments: they are all in registers. */
void __wrap_model_step(void* state, const void* input, const void* third, void* fourth) {
  step_begins();
  __real_model_step(state, input, third, fourth);
  step_ends();
}
