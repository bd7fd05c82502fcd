/* The platform of a device that runs POSIX: one folder, one file a slot, a counter, an image. */
#ifndef PLATFORM_POSIX_H
#define PLATFORM_POSIX_H

#include "aseptic.h"

/* Fills `platform` for the existing folder `folder`, which must outlive it. */
void platform_posix(aseptic_platform *platform, const char *folder);

#endif
