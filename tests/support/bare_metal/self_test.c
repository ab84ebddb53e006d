#include "self_test.h"

uint32_t model_self_test(uint64_t *hash);

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

void write_text(const char *text) { semihosting(0x04, text); }

void write_number(uint32_t number, const char *after) {
  char digits[11];
  uint32_t i = 10;
  digits[i] = 0;
  do {
    digits[--i] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  write_text(digits + i);
  write_text(after);
}

void exit_with(uint32_t code) {
  const uint32_t argument[2] = {0x20026, code}; /* ADP_Stopped_ApplicationExit */
  semihosting(0x20, argument);
  for (;;) {
  }
}

uint32_t run_self_test(void) {
  static char text[] = "model: hash 0123456789abcdef, ";
  uint64_t hash;
  const uint32_t wrong = model_self_test(&hash);
  uint32_t k;
  for (k = 0; k < 16; ++k) text[12 + k] = "0123456789abcdef"[(hash >> (60 - 4 * k)) & 15];
  write_text(text);
  write_number(wrong, " wrong\n");
  return wrong == 0 ? 0 : 1;
}
