/* A device in memory: slots, counters and two images, and a count of everything that was changed. */
#ifndef RAM_H
#define RAM_H

#include "aseptic.h"

enum { RAM_SLOTS = 32, RAM_BLOB = 8192, RAM_COUNTERS = 8, RAM_IMAGE = 65536 };

typedef struct {
    struct {
        int there;
        uint16_t slot;
        size_t len;
        uint8_t bytes[RAM_BLOB];
    } slots[RAM_SLOTS];
    uint64_t counters[RAM_COUNTERS];
    uint8_t images[2][RAM_IMAGE];
    /* How often something stored was changed. */
    unsigned changes;
    /* The status that every call answers instead of doing its work, if it is not ASEPTIC_OK. */
    aseptic_status fault;
    /* Called first by every store function, if it is there. */
    void (*before)(void);
} ram;

/* A blank device. */
void ram_init(ram *device);

/* The whole table, without a key store of its own. */
aseptic_platform ram_platform(ram *device);

#endif
