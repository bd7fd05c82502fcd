#ifndef PLATFORM_CORTEX_M_H
#define PLATFORM_CORTEX_M_H

#include "platform.h"

/* For the boot loader, once after each reset: a slot selected for trial runs now, and the other one at the reset after. */
aseptic_status board_selection(void);
/* For the boot loader: the slot that starts is another one than the one selected. */
aseptic_status board_fall_back(uint8_t slot);
/* For the boot loader: copies `slot` to where its program was linked for, and starts it. */
void board_start(uint8_t slot);
/* Resets the processor. */
void board_reset(void) __attribute__((noreturn));

#endif
