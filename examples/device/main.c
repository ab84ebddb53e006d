/* A firmware around an exported model (bitstate export RUN --format=c --adc_bits=12 ...): a timer samples the ADC, the
   main loop takes a step of the model for each sample and sleeps in between, a watchdog sees that steps come in time,
   and the state of the stream survives deep sleep. Nothing is allocated and nothing is computed in floating point. */
#define MODEL_NO_FLOAT
#include "board.h"
#include "model.h"

#ifndef SAMPLE_RATE
#define SAMPLE_RATE 1000 /* per second */
#endif
#ifndef WINDOW
#define WINDOW 50 /* samples of a sequence, as in training */
#endif
#ifndef WINDOWS_AWAKE
#define WINDOWS_AWAKE 4 /* before it sleeps deeply */
#endif

/* What the interrupt has sampled and the main loop has not read: one writes, one reads, so no lock is needed. */
enum { queue_size = 4 }; /* a power of two */
static volatile uint16_t queue[queue_size][MODEL_INPUTS];
static volatile uint32_t written, taken;

/* What survives deep sleep. `mark` says that it is ours, and of this model. */
typedef struct {
  uint32_t mark;
  uint32_t window;
  uint32_t step;
  model_state stream;
  uint32_t sum;
} retained_state;
static retained_state retained __attribute__((section(".retained")));
enum { our_mark = 0x62697473 };

static uint32_t sum_of(const retained_state* r) {
  const uint8_t* bytes = (const uint8_t*)r;
  uint32_t sum = 2166136261u, i;
  for (i = 0; i < (uint32_t)((const uint8_t*)&r->sum - bytes); ++i) sum = (sum ^ bytes[i]) * 16777619u;
  return sum;
}

/* In the interrupt of the timer. Two samples behind are late; a full queue has lost one. */
void on_sample(void) {
  uint32_t channel;
  if (written - taken == queue_size) board_stop("a sample was lost: a step takes longer than a sample's time");
  for (channel = 0; channel < MODEL_INPUTS; ++channel) {
    queue[written % queue_size][channel] = (uint16_t)board_adc(channel);
  }
  written = written + 1;
}

/* One step of the model. Returns its time in thousandths of a sample's time. */
static uint32_t take_sample(void) {
  int8_t codes[MODEL_INPUTS];
  uint32_t channel, began = board_elapsed(), behind = written;
  for (channel = 0; channel < MODEL_INPUTS; ++channel) {
    codes[channel] = (int8_t)model_encode_adc(queue[taken % queue_size][channel], channel);
  }
  model_step(&retained.stream, codes);
  taken = taken + 1;
  retained.step = retained.step + 1;
  return board_elapsed() + 1000 * (written - behind) - began;
}

static void begin_window(void) {
  model_init(&retained.stream);
  retained.step = 0;
}

int main(void) {
  uint32_t slowest = 0, awake = 0;
  if (retained.mark != our_mark || retained.sum != sum_of(&retained)) { /* the power was off */
    retained.window = 0;
    begin_window();
  }
  retained.mark = 0; /* until it is complete again */
  board_start(SAMPLE_RATE);
  for (;;) {
    while (written == taken) board_wait();
    {
      const uint32_t time = take_sample();
      if (time > slowest) slowest = time;
    }
    board_feed_watchdog(); /* only here: a step that hangs resets the chip */
    if (retained.step == WINDOW) {
      board_report(retained.window, model_classify(&retained.stream), slowest);
      retained.window = retained.window + 1;
      awake = awake + 1;
      begin_window();
    }
    if (awake == WINDOWS_AWAKE && retained.step == WINDOW / 2) { /* in the middle of a window, to show that it can */
      retained.mark = our_mark;
      retained.sum = sum_of(&retained);
      board_sleep_deeply();
    }
  }
}
