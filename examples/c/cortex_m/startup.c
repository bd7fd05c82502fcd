/* The first instructions of the firmware: vectors, memory, floating point, then `main` with the words of its command line.
 *
 * Written for the Cortex-M4F of QEMU's mps2-an386. A board of your own brings its vendor's startup instead; what the library
 * needs of it is the floating-point unit switched on, memory initialised, and a stack (the header says how much). */
#include "semihosting.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS = 8, LINE_SIZE = 512, FAULT_STATUS = 70, PANIC_STATUS = 71 };

/* From the linker script. */
extern uint32_t data_load, data_start, data_end, bss_start, bss_end;

/* No function either, but the table below holds functions alone. */
void stack_top(void);

int main(int count, char **words);
void reset_handler(void);
void fault_handler(void);
void aseptic_fault(void);
void systick_handler(void);
/* newlib's file access over semihosting; only programs that use <stdio.h> have it. */
void initialise_monitor_handles(void) __attribute__((weak));

/* The therapy firmware has its own. */
void __attribute__((weak)) systick_handler(void)
{
}

static void start(void)
{
    static char line[LINE_SIZE];
    static char *words[WORDS + 1];
    int count = 0;
    if (initialise_monitor_handles != NULL) {
        initialise_monitor_handles();
    }
    if (semihosting_command_line(line, sizeof line) == 0) {
        for (char *word = strtok(line, " "); word != NULL && count < WORDS; word = strtok(NULL, " ")) {
            words[count++] = word;
        }
    }
    exit(main(count, words));
}

typedef void (*vector)(void);
const vector vectors[16] __attribute__((section(".vectors"), used)) = {
    [0] = stack_top,      [1] = reset_handler,  [2] = fault_handler,  [3] = fault_handler,    [4] = fault_handler,
    [5] = fault_handler,  [6] = fault_handler,  [11] = fault_handler, [12] = fault_handler,   [14] = fault_handler,
    [15] = systick_handler,
};

void reset_handler(void)
{
    static volatile uint32_t *const VECTOR_TABLE = (volatile uint32_t *)0xE000ED08u;
    static volatile uint32_t *const COPROCESSORS = (volatile uint32_t *)0xE000ED88u;
    (void)memcpy(&data_start, &data_load, (size_t)((uint8_t *)&data_end - (uint8_t *)&data_start));
    (void)memset(&bss_start, 0, (size_t)((uint8_t *)&bss_end - (uint8_t *)&bss_start));
    *VECTOR_TABLE = (uint32_t)(uintptr_t)vectors;
    *COPROCESSORS |= 0xFu << 20;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
    start();
}

/* Where a pump would stop its motor and sound its alarm. */
void fault_handler(void)
{
    semihosting_print("fault: the processor stopped\n");
    semihosting_exit(FAULT_STATUS);
}

/* What the library calls in a state that its authors ruled out. */
void aseptic_fault(void)
{
    semihosting_print("fault: the library stopped\n");
    semihosting_exit(PANIC_STATUS);
}
