/* A timer of the board (a CMSDK APB timer at 25 MHz) that counts freely, and knows nothing of interrupts. */
#ifndef TIMER_H
#define TIMER_H

#include <stdint.h>

enum { TIMER_PER_MS = 25000 };

void timer_open(void);
/* Ticks since some moment; wraps after 171 seconds. */
uint32_t timer_now(void);
/* Is busy for so many ticks. */
void timer_wait(uint32_t ticks);

#endif
