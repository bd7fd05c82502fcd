/* The library under FreeRTOS: one task owns it, all others hand over what is to be sent and never wait.
 *
 * The task has the lowest priority above the idle task, so whatever else is ready runs first, in the middle of a signature
 * too. All memory is static. Only this task calls the library; that is what its rule of one thread asks for. */
#ifndef SECURITY_TASK_H
#define SECURITY_TASK_H

#include "aseptic.h"

/* Bytes of an observation, and how many wait at most. */
enum { SECURITY_OBSERVATION = 96, SECURITY_WAITING = 8 };
/* Bytes of stack. The essay in aseptic.h has the largest use of each call; a product measures its own. */
enum { SECURITY_STACK = 48 * 1024 };

/* Fills the clock of `platform` from the kernel's ticks. The rest is the board's: entropy, store, counters, images. */
void security_clock(aseptic_platform *platform);

/* Makes the task; once, before or after the scheduler starts. `platform` is used for as long as the device runs. */
void security_start(const aseptic_platform *platform);

/* From any task: hands over `len` bytes, which are copied, and never waits. 1, or 0 where the queue is full or the
 * observation too long: the caller counts it as lost and goes on. */
int security_report(const uint8_t *text, size_t len);

/* The last status of the library, for a service display. */
aseptic_status security_status(void);

/* Of the application: takes a sealed message to the network. Called by the security task. */
void security_send(const uint8_t *message, size_t len);

#endif
