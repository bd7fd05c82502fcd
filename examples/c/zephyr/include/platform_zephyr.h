/* The platform of aseptic over Zephyr: entropy, uptime, and a store and counters in non-volatile storage (NVS). */
#ifndef PLATFORM_ZEPHYR_H
#define PLATFORM_ZEPHYR_H

#include "aseptic.h"

struct nvs_fs;

/* Fills `platform` for a mounted `storage`, which is used for as long as the device runs.
 *
 * Sectors of the storage hold at least 16 KiB each, as one entry of up to 8 KiB lies in one sector, and there are enough of
 * them for what a device keeps: 20 blobs and its keys, of which few are near that bound; 128 KiB are plenty.
 *
 * What it leaves to the application:
 *   clock_now      answers that the time is not known; put your own function there once you have a clock to answer for.
 *   counters       lie in the same flash: whoever can write it can step them back, so counter_hardware stays NULL.
 *   key_...        NULL: software keys in the store. Encrypt the flash or put your secure element there.
 *   image_...      NULL: no updates. MCUboot in its default mode moves the new image into the slot of the old one, while the
 *                  library expects two slots that stay where they are; with direct-xip the functions are yours to write.
 *   aseptic_fault  defined by the application, for only it knows the safe state of the device. */
void zephyr_platform(aseptic_platform *platform, struct nvs_fs *storage);

#endif
