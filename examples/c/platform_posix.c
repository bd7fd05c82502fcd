/* What an integrator writes, for a device that runs POSIX: the entries of `aseptic_platform` over files.
 *
 * A file is replaced by writing a new one beside it, flushing it, renaming it over the old one and flushing the folder: after
 * a power loss the old or the new content is there. Private keys are left to the library (`key_...` stays NULL), so they
 * lie in the slots: give the folder to the device's user alone. */
#define _POSIX_C_SOURCE 200809L
#include "platform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { PATH_SIZE = 512, NAME_SIZE = 32, IMAGE_SIZE = 2 * 1024 * 1024, ERASE_SIZE = 4096, WRITE_SIZE = 8 };

static aseptic_status fault(void)
{
    switch (errno) {
    case ENOENT: return ASEPTIC_PLATFORM_NOT_FOUND;
    case ENOSPC: return ASEPTIC_PLATFORM_FULL;
    case EACCES:
    case EPERM: return ASEPTIC_PLATFORM_DENIED;
    default: return ASEPTIC_PLATFORM_IO;
    }
}

static void path_of(char path[PATH_SIZE], void *ctx, const char *kind, unsigned number, const char *suffix)
{
    (void)snprintf(path, PATH_SIZE, "%s/%s-%04x%s", (const char *)ctx, kind, number, suffix);
}

/* Writes or reads all of it; a signal may cut a call short. */
static int write_all(int file, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t done = write(file, bytes, len);
        if (done < 0 && errno != EINTR) {
            return -1;
        }
        if (done > 0) {
            bytes += done;
            len -= (size_t)done;
        }
    }
    return 0;
}

static ssize_t read_all(int file, uint8_t *out, size_t len)
{
    size_t got = 0;
    while (got < len) {
        ssize_t done = read(file, out + got, len - got);
        if (done == 0) {
            break;
        }
        if (done < 0 && errno != EINTR) {
            return -1;
        }
        if (done > 0) {
            got += (size_t)done;
        }
    }
    return (ssize_t)got;
}

static aseptic_status flush_folder(void *ctx)
{
    int folder = open(ctx, O_RDONLY);
    if (folder < 0 || fsync(folder) != 0) {
        aseptic_status status = fault();
        if (folder >= 0) {
            (void)close(folder);
        }
        return status;
    }
    (void)close(folder);
    return ASEPTIC_OK;
}

static aseptic_status replace(void *ctx, const char *kind, unsigned number, const uint8_t *bytes, size_t len)
{
    char path[PATH_SIZE];
    char fresh[PATH_SIZE];
    path_of(path, ctx, kind, number, "");
    path_of(fresh, ctx, kind, number, ".new");
    int file = open(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0) {
        return fault();
    }
    int failed = write_all(file, bytes, len) != 0 || fsync(file) != 0;
    aseptic_status status = failed ? fault() : ASEPTIC_OK;
    (void)close(file);
    if (!failed && rename(fresh, path) != 0) {
        status = fault();
    }
    return status == ASEPTIC_OK ? flush_folder(ctx) : status;
}

static aseptic_status fetch(void *ctx, const char *kind, unsigned number, uint8_t *out, size_t cap, size_t *len)
{
    char path[PATH_SIZE];
    path_of(path, ctx, kind, number, "");
    int file = open(path, O_RDONLY);
    if (file < 0) {
        return fault();
    }
    off_t size = lseek(file, 0, SEEK_END);
    aseptic_status status = ASEPTIC_PLATFORM_IO;
    if (size >= 0 && (size_t)size > cap) {
        status = ASEPTIC_PLATFORM_FULL;
    } else if (size >= 0 && lseek(file, 0, SEEK_SET) == 0 && read_all(file, out, (size_t)size) == (ssize_t)size) {
        *len = (size_t)size;
        status = ASEPTIC_OK;
    }
    (void)close(file);
    return status;
}

static aseptic_status entropy_fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    int file = open("/dev/urandom", O_RDONLY);
    if (file < 0) {
        return ASEPTIC_PLATFORM_UNAVAILABLE;
    }
    ssize_t got = read_all(file, out, len);
    (void)close(file);
    return got == (ssize_t)len ? ASEPTIC_OK : ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* The clock of a networked Linux is right, or behind: it is taken as a lower bound. */
static aseptic_status clock_now(void *ctx, uint64_t *seconds, uint8_t *trust)
{
    (void)ctx;
    time_t now = time(NULL);
    *seconds = now < 0 ? 0 : (uint64_t)now;
    *trust = 1;
    return ASEPTIC_OK;
}

static uint64_t clock_uptime(void *ctx)
{
    (void)ctx;
    struct timespec now = { 0, 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static aseptic_status store_load(void *ctx, uint16_t slot, uint8_t *out, size_t cap, size_t *len)
{
    return fetch(ctx, "slot", slot, out, cap, len);
}

static aseptic_status store_save(void *ctx, uint16_t slot, const uint8_t *bytes, size_t len)
{
    return replace(ctx, "slot", slot, bytes, len);
}

static aseptic_status store_erase(void *ctx, uint16_t slot)
{
    char path[PATH_SIZE];
    path_of(path, ctx, "slot", slot, "");
    if (unlink(path) != 0 && errno != ENOENT) {
        return fault();
    }
    return flush_folder(ctx);
}

static aseptic_status counter_read(void *ctx, uint8_t counter, uint64_t *value)
{
    uint8_t bytes[8];
    size_t len = 0;
    aseptic_status status = fetch(ctx, "counter", counter, bytes, sizeof bytes, &len);
    *value = 0;
    if (status == ASEPTIC_PLATFORM_NOT_FOUND) {
        return ASEPTIC_OK;
    }
    if (status == ASEPTIC_OK && len != sizeof bytes) {
        return ASEPTIC_PLATFORM_CORRUPT;
    }
    for (size_t i = 0; i < len; i++) {
        *value = *value << 8 | bytes[i];
    }
    return status;
}

static aseptic_status counter_advance(void *ctx, uint8_t counter, uint64_t value)
{
    uint64_t current;
    uint8_t bytes[8];
    aseptic_status status = counter_read(ctx, counter, &current);
    if (status != ASEPTIC_OK || value <= current) {
        return status;
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(value >> (8 * (sizeof bytes - 1 - i)));
    }
    return replace(ctx, "counter", counter, bytes, sizeof bytes);
}

static aseptic_status image_geometry(void *ctx, uint8_t slot, uint64_t *size, uint32_t *erase, uint32_t *write)
{
    (void)ctx;
    (void)slot;
    *size = IMAGE_SIZE;
    *erase = ERASE_SIZE;
    *write = WRITE_SIZE;
    return ASEPTIC_OK;
}

/* Opens an image at `offset`. */
static int image_open(void *ctx, uint8_t slot, uint64_t offset, size_t len, int flags)
{
    char path[PATH_SIZE];
    path_of(path, ctx, "image", slot, "");
    if (slot > 1 || offset > IMAGE_SIZE || len > IMAGE_SIZE - offset) {
        errno = EINVAL;
        return -1;
    }
    int file = open(path, flags, 0600);
    if (file >= 0 && lseek(file, (off_t)offset, SEEK_SET) < 0) {
        (void)close(file);
        return -1;
    }
    return file;
}

static aseptic_status image_put(void *ctx, uint8_t slot, uint64_t offset, const uint8_t *bytes, size_t len)
{
    int file = image_open(ctx, slot, offset, len, O_WRONLY | O_CREAT);
    if (file < 0) {
        return fault();
    }
    aseptic_status status = write_all(file, bytes, len) != 0 || fsync(file) != 0 ? fault() : ASEPTIC_OK;
    (void)close(file);
    return status;
}

static aseptic_status image_erase(void *ctx, uint8_t slot, uint64_t offset, uint64_t len)
{
    uint8_t erased[ERASE_SIZE];
    (void)memset(erased, 0xFF, sizeof erased);
    for (uint64_t done = 0; done < len; done += sizeof erased) {
        aseptic_status status = image_put(ctx, slot, offset + done, erased, sizeof erased);
        if (status != ASEPTIC_OK) {
            return status;
        }
    }
    return ASEPTIC_OK;
}

/* What was never written reads as erased. */
static aseptic_status image_read(void *ctx, uint8_t slot, uint64_t offset, uint8_t *out, size_t len)
{
    int file = image_open(ctx, slot, offset, len, O_RDONLY);
    if (file < 0 && errno == ENOENT) {
        (void)memset(out, 0xFF, len);
        return ASEPTIC_OK;
    }
    if (file < 0) {
        return fault();
    }
    ssize_t got = read_all(file, out, len);
    (void)close(file);
    if (got < 0) {
        return ASEPTIC_PLATFORM_IO;
    }
    (void)memset(out + got, 0xFF, len - (size_t)got);
    return ASEPTIC_OK;
}

/* The choice of the boot loader: {slot that runs now, slot of the next boot, mode}. */
static aseptic_status selection(void *ctx, uint8_t choice[3])
{
    size_t len = 0;
    aseptic_status status = fetch(ctx, "boot", 0, choice, 3, &len);
    if (status == ASEPTIC_PLATFORM_NOT_FOUND) {
        (void)memset(choice, 0, 3);
        return ASEPTIC_OK;
    }
    return status == ASEPTIC_OK && len != 3 ? ASEPTIC_PLATFORM_CORRUPT : status;
}

static aseptic_status image_running(void *ctx, uint8_t *slot)
{
    uint8_t choice[3];
    aseptic_status status = selection(ctx, choice);
    *slot = choice[0];
    return status;
}

static aseptic_status image_select(void *ctx, uint8_t slot, uint8_t mode)
{
    uint8_t choice[3];
    aseptic_status status = selection(ctx, choice);
    if (status != ASEPTIC_OK) {
        return status;
    }
    choice[1] = slot;
    choice[2] = mode;
    return replace(ctx, "boot", 0, choice, sizeof choice);
}

static void on_event(void *ctx, aseptic_status reason, uint64_t detail)
{
    aseptic_slice cause = aseptic_status_cause(reason);
    (void)ctx;
    (void)fprintf(stderr, "event %d (%llu): %.*s\n", (int)reason, (unsigned long long)detail, (int)cause.len, (const char *)cause.ptr);
}

aseptic_status platform_open(aseptic_platform *platform, const char *folder)
{
    if (strlen(folder) > PATH_SIZE - NAME_SIZE) {
        return ASEPTIC_TOO_LARGE;
    }
    int opened = open(folder, O_RDONLY | O_DIRECTORY);
    if (opened < 0) {
        return fault();
    }
    (void)close(opened);
    (void)memset(platform, 0, sizeof *platform);
    platform->size = sizeof *platform;
    platform->ctx = (void *)folder;
    platform->entropy_fill = entropy_fill;
    platform->clock_now = clock_now;
    platform->clock_uptime = clock_uptime;
    platform->store_load = store_load;
    platform->store_save = store_save;
    platform->store_erase = store_erase;
    platform->counter_read = counter_read;
    platform->counter_advance = counter_advance;
    platform->image_geometry = image_geometry;
    platform->image_erase = image_erase;
    platform->image_write = image_put;
    platform->image_read = image_read;
    platform->image_running = image_running;
    platform->image_select = image_select;
    platform->on_event = on_event;
    return ASEPTIC_OK;
}
