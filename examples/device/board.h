/* What the firmware needs of a board. board_mps2.c is that of QEMU's Cortex-M4; write one for yours. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

/* Clocks, the ADC, and a timer that calls on_sample() `rate` times per second from its interrupt. */
void board_start(uint32_t rate);

/* The ADC's count of a channel; called in the interrupt. */
int32_t board_adc(uint32_t channel);

/* The core sleeps until the next interrupt. */
void board_wait(void);

/* The time since on_sample() was last called, in units of 1/1000 of a sample's time. */
uint32_t board_elapsed(void);

/* Restarts the watchdog, which resets the chip unless it is called once in `board_watchdog_samples` samples. */
void board_feed_watchdog(void);
enum { board_watchdog_samples = 8 };

/* The core loses its registers and goes on at reset; memory in the section .retained keeps its contents. */
void board_sleep_deeply(void);

/* A class that the model has found, for the application: here it is printed. */
void board_report(uint32_t window, int class_of_window, uint32_t slowest_step);

/* Samples were lost, or the recording is at its end. */
void board_stop(const char* why);

/* Implemented by the firmware. */
void on_sample(void);

#endif
