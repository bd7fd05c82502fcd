/* UNBUILT with Zephyr itself: this repository's tests have none, they compile this file against declarations of the functions
 * used (tests/zephyr). Written for Zephyr 3.7 and later. Run aseptic's checks of a platform on your board before you rely on
 * it.
 *
 * Threads: all functions are called on the task that calls the library, which must not be an interrupt. NVS has a lock of its
 * own, so the rest of the application may use the same storage under other numbers. */
#include "platform_zephyr.h"

#include <zephyr/fs/nvs.h>
#include <zephyr/kernel.h>
#include <zephyr/random/random.h>

#include <errno.h>
#include <string.h>

/* Entries of the storage: blobs have the number of their slot (below 0x1000) above the first, counters above the second. */
enum { BLOBS = 0x4000, COUNTERS = 0x5000, LAST_SLOT = 0x0FFF, COUNTER_BYTES = 8 };
/* Bytes of the longest blob. NVS refuses to read into more room than a sector has, whatever the entry's length. */
enum { BLOB = 8192 };

static aseptic_status fault(int error)
{
    switch (error) {
    case -ENOENT:
        return ASEPTIC_PLATFORM_NOT_FOUND;
    case -ENOSPC:
    case -EINVAL: /* longer than a sector holds */
        return ASEPTIC_PLATFORM_FULL;
    case -EACCES: /* not mounted */
        return ASEPTIC_PLATFORM_UNAVAILABLE;
    default:
        return ASEPTIC_PLATFORM_IO;
    }
}

static aseptic_status entropy_fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    if (sys_csrand_get(out, len) != 0) {
        (void)memset(out, 0, len);
        return ASEPTIC_PLATFORM_UNAVAILABLE;
    }
    return ASEPTIC_OK;
}

static aseptic_status clock_now(void *ctx, uint64_t *seconds, uint8_t *trust)
{
    (void)ctx;
    *seconds = 0;
    *trust = 0;
    return ASEPTIC_OK;
}

static uint64_t clock_uptime(void *ctx)
{
    (void)ctx;
    return (uint64_t)k_uptime_get();
}

/* Writes an entry. NVS adds it behind the old one and makes it valid by its last write: after power loss one of both is read. */
static aseptic_status write_entry(void *ctx, uint16_t id, const void *bytes, size_t len)
{
    ssize_t written = nvs_write(ctx, id, bytes, len);
    /* 0 says that these very bytes are there already. */
    if (written == 0 || written == (ssize_t)len) {
        return ASEPTIC_OK;
    }
    return written < 0 ? fault((int)written) : ASEPTIC_PLATFORM_IO;
}

static aseptic_status store_load(void *ctx, uint16_t slot, uint8_t *out, size_t cap, size_t *len)
{
    uint8_t none = 0;
    uint8_t *room = cap == 0 ? &none : out;
    size_t bytes = cap == 0 ? sizeof none : cap;
    ssize_t found;
    *len = 0;
    if (slot > LAST_SLOT) {
        return ASEPTIC_PLATFORM_DENIED;
    }
    /* The answer is the length of the entry, which may be more than was asked for. */
    found = nvs_read(ctx, (uint16_t)(BLOBS + slot), room, bytes > BLOB ? BLOB : bytes);
    if (found < 0) {
        return fault((int)found);
    }
    if ((size_t)found > cap || (size_t)found > BLOB) {
        return ASEPTIC_PLATFORM_FULL;
    }
    *len = (size_t)found;
    return ASEPTIC_OK;
}

static aseptic_status store_save(void *ctx, uint16_t slot, const uint8_t *bytes, size_t len)
{
    /* An entry of length 0 is how NVS deletes; the library stores no empty blobs. */
    if (slot > LAST_SLOT || len == 0) {
        return ASEPTIC_PLATFORM_DENIED;
    }
    return write_entry(ctx, (uint16_t)(BLOBS + slot), bytes, len);
}

static aseptic_status store_erase(void *ctx, uint16_t slot)
{
    int error;
    if (slot > LAST_SLOT) {
        return ASEPTIC_PLATFORM_DENIED;
    }
    error = nvs_delete(ctx, (uint16_t)(BLOBS + slot));
    return error == 0 || error == -ENOENT ? ASEPTIC_OK : fault(error);
}

static aseptic_status counter_read(void *ctx, uint8_t counter, uint64_t *value)
{
    uint8_t bytes[COUNTER_BYTES];
    ssize_t found = nvs_read(ctx, (uint16_t)(COUNTERS + counter), bytes, sizeof bytes);
    *value = 0;
    if (found == -ENOENT) {
        return ASEPTIC_OK;
    }
    if (found != (ssize_t)sizeof bytes) {
        return found < 0 ? fault((int)found) : ASEPTIC_PLATFORM_CORRUPT;
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        *value = (*value << 8) | bytes[i];
    }
    return ASEPTIC_OK;
}

static aseptic_status counter_advance(void *ctx, uint8_t counter, uint64_t value)
{
    uint8_t bytes[COUNTER_BYTES];
    uint64_t now = 0;
    aseptic_status status = counter_read(ctx, counter, &now);
    if (status != ASEPTIC_OK || value <= now) {
        return status;
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(value >> (8U * (sizeof bytes - 1U - i)));
    }
    return write_entry(ctx, (uint16_t)(COUNTERS + counter), bytes, sizeof bytes);
}

void zephyr_platform(aseptic_platform *platform, struct nvs_fs *storage)
{
    (void)memset(platform, 0, sizeof *platform);
    platform->size = sizeof *platform;
    platform->ctx = storage;
    platform->entropy_fill = entropy_fill;
    platform->clock_now = clock_now;
    platform->clock_uptime = clock_uptime;
    platform->store_load = store_load;
    platform->store_save = store_save;
    platform->store_erase = store_erase;
    platform->counter_read = counter_read;
    platform->counter_advance = counter_advance;
}
