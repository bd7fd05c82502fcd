#include "timing.h"

#include "semihosting.h"
#include "timer.h"

#include <string.h>

enum { FUNCTIONS = 160, PAINTED = 40 * 1024, MARGIN = 64, PAINT = 0xA5, INSTRUCTIONS_PER_TICK = 40 };

typedef struct {
    const char *name;
    uint32_t ticks, stack;
} row;

static row rows[FUNCTIONS];
static uint32_t begun;
static uint8_t *top;

void timing_begin(void)
{
    top = (uint8_t *)__builtin_frame_address(0) - MARGIN;
    for (volatile uint8_t *place = top - PAINTED; place < top; place++) {
        *place = PAINT;
    }
    begun = timer_now();
}

aseptic_status timing_end(const char *name, aseptic_status status)
{
    uint32_t ticks = timer_now() - begun;
    const uint8_t *deepest = top - PAINTED;
    while (deepest < top && *deepest == PAINT) {
        deepest++;
    }
    row *entry = rows;
    while (entry->name != NULL && strcmp(entry->name, name) != 0) {
        entry++;
    }
    if (entry == &rows[FUNCTIONS - 1]) {
        semihosting_print("more functions than rows\n");
        semihosting_exit(1);
    }
    entry->name = name;
    entry->ticks = ticks > entry->ticks ? ticks : entry->ticks;
    uint32_t stack = (uint32_t)(top - deepest) + MARGIN;
    entry->stack = stack > entry->stack ? stack : entry->stack;
    return status;
}

static void print_number(uint32_t number)
{
    char text[12];
    size_t at = sizeof text - 1;
    text[at] = 0;
    do {
        text[--at] = (char)('0' + number % 10u);
        number /= 10u;
    } while (number > 0);
    semihosting_print(" ");
    semihosting_print(text + at);
}

void timing_print(void)
{
    for (const row *entry = rows; entry->name != NULL; entry++) {
        semihosting_print("call ");
        semihosting_print(entry->name);
        print_number(entry->ticks * INSTRUCTIONS_PER_TICK);
        print_number(entry->stack);
        semihosting_print("\n");
    }
}
