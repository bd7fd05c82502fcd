/* The platform of a device that runs POSIX: one folder, one file a slot, a counter, an image. */
#ifndef PLATFORM_POSIX_H
#define PLATFORM_POSIX_H

#include "aseptic.h"

/* Fills `platform` for the existing folder `folder`, a string which must outlive it. Says why if the folder cannot be used. */
aseptic_status platform_posix(aseptic_platform *platform, const char *folder);

#endif
