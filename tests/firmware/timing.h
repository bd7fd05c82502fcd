/* What each function of the library takes, seen from outside: the most instructions of all its calls, and the deepest stack.
 *
 * The emulator runs with one instruction a nanosecond, and its timer counts 25 million a second: an instruction count is right
 * to 40. Stack is painted before a call and looked at after it. */
#ifndef TIMING_H
#define TIMING_H

#include "aseptic.h"

void timing_begin(void);
/* Gives back `status`. */
aseptic_status timing_end(const char *name, aseptic_status status);
/* A line each: `call <name> <instructions> <bytes of stack>`. */
void timing_print(void);

#endif
