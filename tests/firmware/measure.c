/* What one signed object costs on a Cortex-M4: installs the trust store that xtask puts into `object.h`, signed with ES256,
 * and prints the instructions and the deepest stack of the call.
 *
 * The emulator runs with one instruction a nanosecond; its timer counts 25 million a second, so a count is right to 40. */
#include "aseptic.h"
#include "object.h"
#include "ram.h"
#include "semihosting.h"

#include <string.h>

enum { PAINTED = 48 * 1024, PAINT = 0xA5, MARGIN = 128, INSTRUCTIONS_PER_TICK = 40, TICKS = 0xFFFFFF };

static volatile uint32_t *const TIMER = (volatile uint32_t *)0xE000E010u;

static ram memory;
static aseptic_device device;

static void print_number(const char *name, uint32_t number)
{
    char text[12];
    size_t at = sizeof text - 1;
    text[at] = 0;
    do {
        text[--at] = (char)('0' + number % 10u);
        number /= 10u;
    } while (number > 0);
    semihosting_print(name);
    semihosting_print(" = ");
    semihosting_print(text + at);
    semihosting_print("\n");
}

static __attribute__((noinline)) aseptic_status install(void)
{
    aseptic_slice object = { OBJECT, sizeof OBJECT };
    return aseptic_trust_install(&device, ASEPTIC_MANUFACTURER, object, ASEPTIC_PRESENCE_CONFIRMED);
}

int main(void)
{
    uint8_t *top = (uint8_t *)__builtin_frame_address(0) - MARGIN;
    aseptic_platform platform = ram_platform(&memory);
    ram_init(&memory);
    if (aseptic_device_init(&device, &platform, NULL) != ASEPTIC_OK) {
        return 1;
    }
    for (volatile uint8_t *place = top - PAINTED; place < top; place++) {
        *place = PAINT;
    }
    TIMER[1] = TICKS;
    TIMER[2] = 0;
    /* On, with the clock of the processor, without its interrupt. */
    TIMER[0] = 5;
    uint32_t start = TIMER[2];
    aseptic_status status = install();
    uint32_t ticks = (start - TIMER[2]) & TICKS;
    const uint8_t *deepest = top - PAINTED;
    while (deepest < top && *deepest == PAINT) {
        deepest++;
    }
    if (status != ASEPTIC_OK) {
        print_number("refused", (uint32_t)status);
        return 1;
    }
    print_number("instructions", ticks * INSTRUCTIONS_PER_TICK);
    print_number("stack", (uint32_t)(top - deepest) + MARGIN);
    return 0;
}
