/* Arm's MPS2 board with a Cortex-M4 (AN386), as QEMU has it: the ADC plays recording.h, and a debugger's channel
   (semihosting) prints. */
#include "board.h"

#define MODEL_NO_FLOAT
#include "model.h"
#include "recording.h" /* static const uint16_t recording[][MODEL_INPUTS] */

#define REGISTER(address) (*(volatile uint32_t*)(address))
#define SYSTICK_CONTROL REGISTER(0xe000e010)
#define SYSTICK_RELOAD REGISTER(0xe000e014)
#define SYSTICK_VALUE REGISTER(0xe000e018)
#define AIRCR REGISTER(0xe000ed0c)
#define WATCHDOG_LOAD REGISTER(0x40008000)
#define WATCHDOG_CONTROL REGISTER(0x40008008)
#define WATCHDOG_CLEAR REGISTER(0x4000800c)
#define WATCHDOG_LOCK REGISTER(0x40008c00)
enum { clock = 25000000, samples = sizeof recording / sizeof recording[0] };

static uint32_t ticks;                                        /* of a sample's time */
static uint32_t played __attribute__((section(".retained"))); /* of the recording */

static void debugger(uint32_t operation, const void* argument) {
  register uint32_t r0 __asm__("r0") = operation;
  register const void* r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}
static void print(const char* text) { debugger(0x04, text); }
static void print_number(uint32_t number) {
  char digits[11];
  int at = 10;
  digits[at] = 0;
  do digits[--at] = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  print(digits + at);
}

void board_start(uint32_t rate) {
  ticks = clock / rate;
  SYSTICK_RELOAD = ticks - 1;
  SYSTICK_VALUE = 0;
  SYSTICK_CONTROL = 7; /* on, with its interrupt, from the core's clock */
  WATCHDOG_LOCK = 0x1acce551;
  WATCHDOG_LOAD = ticks * board_watchdog_samples / 2; /* it resets when it has run out twice */
  WATCHDOG_CONTROL = 3;
}

int32_t board_adc(uint32_t channel) {
  const int32_t count = recording[played][channel];
  if (channel + 1 == MODEL_INPUTS && ++played == samples) board_stop("end");
  return count;
}

void board_wait(void) { __asm__ volatile("wfi"); }
uint32_t board_elapsed(void) { return (ticks - 1 - SYSTICK_VALUE) * 1000 / ticks; }
void board_feed_watchdog(void) { WATCHDOG_CLEAR = 1; }

void board_sleep_deeply(void) {
  print("deep sleep\n");
  AIRCR = 0x05fa0004; /* a reset, as after the wake-up of a real chip */
  for (;;) board_wait();
}

void board_report(uint32_t window, int class_of_window, uint32_t slowest_step) {
  print("window ");
  print_number(window);
  print(" class ");
  print_number((uint32_t)class_of_window);
  print(" slowest step ");
  print_number(slowest_step);
  print("/1000 of a sample\n");
}

void board_stop(const char* why) {
  static const uint32_t done[2] = {0x20026, 0}, failed[2] = {0x20026, 1};
  const int at_end = why[0] == 'e';
  print(why);
  print("\n");
  for (;;) debugger(0x20, at_end ? done : failed);
}

/* Start-up: .data and .bss, and the vectors. Their places are those of mps2.ld. */
extern uint32_t stack_top, data_begin, data_end, data_load, bss_begin, bss_end;
int main(void);
void reset(void);

void reset(void) {
  uint32_t* to = &data_begin;
  const uint32_t* from = &data_load;
  while (to < &data_end) *to++ = *from++;
  for (to = &bss_begin; to < &bss_end; ++to) *to = 0;
  main();
}
static void fault(void) { board_stop("a fault"); }
static void out_of_time(void) { print("the watchdog ran out\n"); } /* NMI; the second time it resets */

__attribute__((section(".vectors"), used)) static const struct {
  uint32_t* stack;
  void (*handlers[15])(void);
} vectors = {&stack_top, {reset, out_of_time, fault, fault, fault, fault, 0, 0, 0, 0, 0, 0, 0, 0, on_sample}};
