#include "ram.h"

#include <string.h>

static aseptic_status enter(ram *device)
{
    if (device->before != NULL) {
        device->before();
    }
    return device->fault;
}

static aseptic_status entropy_fill(void *ctx, uint8_t *out, size_t len)
{
    /* Not random: the tests that use it want the same bytes each time. */
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(i * 7 + 1);
    }
    return ((ram *)ctx)->fault;
}

static aseptic_status clock_now(void *ctx, uint64_t *seconds, uint8_t *trust)
{
    *seconds = 1800000000u;
    *trust = 2;
    return ((ram *)ctx)->fault;
}

static uint64_t clock_uptime(void *ctx)
{
    (void)ctx;
    return 0;
}

static int find(ram *device, uint16_t slot)
{
    for (int i = 0; i < RAM_SLOTS; i++) {
        if (device->slots[i].there && device->slots[i].slot == slot) {
            return i;
        }
    }
    return -1;
}

static aseptic_status store_load(void *ctx, uint16_t slot, uint8_t *out, size_t cap, size_t *len)
{
    ram *device = ctx;
    aseptic_status status = enter(device);
    int at = find(device, slot);
    if (status != ASEPTIC_OK) {
        return status;
    }
    if (at < 0) {
        return ASEPTIC_PLATFORM_NOT_FOUND;
    }
    if (device->slots[at].len > cap) {
        return ASEPTIC_PLATFORM_FULL;
    }
    (void)memcpy(out, device->slots[at].bytes, device->slots[at].len);
    *len = device->slots[at].len;
    return ASEPTIC_OK;
}

static aseptic_status store_save(void *ctx, uint16_t slot, const uint8_t *bytes, size_t len)
{
    ram *device = ctx;
    aseptic_status status = enter(device);
    int at = find(device, slot);
    for (int i = 0; at < 0 && i < RAM_SLOTS; i++) {
        at = device->slots[i].there ? -1 : i;
    }
    if (status != ASEPTIC_OK || at < 0 || len > RAM_BLOB) {
        return status != ASEPTIC_OK ? status : ASEPTIC_PLATFORM_FULL;
    }
    device->slots[at].there = 1;
    device->slots[at].slot = slot;
    device->slots[at].len = len;
    (void)memcpy(device->slots[at].bytes, bytes, len);
    device->changes++;
    return ASEPTIC_OK;
}

static aseptic_status store_erase(void *ctx, uint16_t slot)
{
    ram *device = ctx;
    aseptic_status status = enter(device);
    int at = find(device, slot);
    if (status == ASEPTIC_OK && at >= 0) {
        device->slots[at].there = 0;
        device->changes++;
    }
    return status;
}

static aseptic_status counter_read(void *ctx, uint8_t counter, uint64_t *value)
{
    *value = ((ram *)ctx)->counters[counter % RAM_COUNTERS];
    return ((ram *)ctx)->fault;
}

static aseptic_status counter_advance(void *ctx, uint8_t counter, uint64_t value)
{
    ram *device = ctx;
    if (device->fault == ASEPTIC_OK && value > device->counters[counter % RAM_COUNTERS]) {
        device->counters[counter % RAM_COUNTERS] = value;
        device->changes++;
    }
    return device->fault;
}

static aseptic_status image_geometry(void *ctx, uint8_t slot, uint64_t *size, uint32_t *erase, uint32_t *write)
{
    (void)slot;
    *size = RAM_IMAGE;
    *erase = 4096;
    *write = 8;
    return ((ram *)ctx)->fault;
}

static aseptic_status image_erase(void *ctx, uint8_t slot, uint64_t offset, uint64_t len)
{
    ram *device = ctx;
    (void)memset(device->images[slot & 1] + offset, 0xFF, (size_t)len);
    device->changes++;
    return device->fault;
}

static aseptic_status image_write(void *ctx, uint8_t slot, uint64_t offset, const uint8_t *bytes, size_t len)
{
    ram *device = ctx;
    (void)memcpy(device->images[slot & 1] + offset, bytes, len);
    device->changes++;
    return device->fault;
}

static aseptic_status image_read(void *ctx, uint8_t slot, uint64_t offset, uint8_t *out, size_t len)
{
    ram *device = ctx;
    (void)memcpy(out, device->images[slot & 1] + offset, len);
    return device->fault;
}

static aseptic_status image_running(void *ctx, uint8_t *slot)
{
    *slot = 0;
    return ((ram *)ctx)->fault;
}

static aseptic_status image_select(void *ctx, uint8_t slot, uint8_t mode)
{
    ram *device = ctx;
    (void)slot;
    (void)mode;
    device->changes++;
    return device->fault;
}

void ram_init(ram *device)
{
    (void)memset(device, 0, sizeof *device);
}

aseptic_platform ram_platform(ram *device)
{
    aseptic_platform platform;
    (void)memset(&platform, 0, sizeof platform);
    platform.size = sizeof platform;
    platform.ctx = device;
    platform.entropy_fill = entropy_fill;
    platform.clock_now = clock_now;
    platform.clock_uptime = clock_uptime;
    platform.store_load = store_load;
    platform.store_save = store_save;
    platform.store_erase = store_erase;
    platform.counter_read = counter_read;
    platform.counter_advance = counter_advance;
    platform.image_geometry = image_geometry;
    platform.image_erase = image_erase;
    platform.image_write = image_write;
    platform.image_read = image_read;
    platform.image_running = image_running;
    platform.image_select = image_select;
    return platform;
}
