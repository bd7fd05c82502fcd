/* What an integrator writes: platform_posix.c for devices that run POSIX, cortex_m/platform_cortex_m.c for a board with NOR flash.
 * The programs of this folder are the same on both. */
#ifndef PLATFORM_H
#define PLATFORM_H

#include "aseptic.h"

/* Fills `platform` for the device whose files lie in the folder `place`, or whose flash is the file `place` of the emulator's
 * host. `place` must stay where it is for as long as the platform is used. */
aseptic_status platform_open(aseptic_platform *platform, const char *place);

#endif
