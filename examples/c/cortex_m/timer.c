#include "timer.h"

static volatile uint32_t *const CONTROL = (volatile uint32_t *)0x40001000u;
static volatile uint32_t *const VALUE = (volatile uint32_t *)0x40001004u;
static volatile uint32_t *const RELOAD = (volatile uint32_t *)0x40001008u;

void timer_open(void)
{
    *RELOAD = UINT32_MAX;
    *VALUE = UINT32_MAX;
    *CONTROL = 1;
}

uint32_t timer_now(void)
{
    return UINT32_MAX - *VALUE;
}

void timer_wait(uint32_t ticks)
{
    uint32_t start = timer_now();
    while (timer_now() - start < ticks) {
    }
}
