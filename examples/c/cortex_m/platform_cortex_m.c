/* What an integrator writes, for a board with NOR flash: the entries of `aseptic_platform` over the driver in nor.h.
 *
 *   0x00000  log of the library: its records, keys and counters live in it (`flash_...`)
 *   0x20000  two erase units for the selection of the boot loader
 *   0x40000  image slot 0
 *   0x60000  image slot 1
 *
 * Entropy and wall clock come from the emulator's host; a product has a noise source and a clock of its own, and must not copy
 * these two functions. */
#include "platform_cortex_m.h"

#include "nor.h"
#include "semihosting.h"

#include <string.h>

enum {
    LOG_SIZE = 0x20000,
    SELECTION = 0x20000,
    IMAGES = 0x40000,
    IMAGE_SIZE = 0x20000,
    UNITS = 2,
    ENTRY_SIZE = 16,
    ENTRIES = UNITS * NOR_ERASE_SIZE / ENTRY_SIZE,
    TRIAL = 1,
    PERMANENT = 2
};

static aseptic_status told(int failed)
{
    return failed == 0 ? ASEPTIC_OK : ASEPTIC_PLATFORM_IO;
}

/* For the emulator alone: the randomness of its host. */
static aseptic_status entropy_fill(void *ctx, uint8_t *out, size_t len)
{
    int32_t file = semihosting_open("/dev/urandom", SEMIHOSTING_READ);
    (void)ctx;
    if (file < 0) {
        return ASEPTIC_PLATFORM_UNAVAILABLE;
    }
    int32_t missing = semihosting_read(file, out, len);
    (void)semihosting_close(file);
    return missing == 0 ? ASEPTIC_OK : ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* For the emulator alone: the clock of its host, as a lower bound. A board without a clock answers trust 0. */
static aseptic_status clock_now(void *ctx, uint64_t *seconds, uint8_t *trust)
{
    (void)ctx;
    *seconds = semihosting_seconds();
    *trust = 1;
    return ASEPTIC_OK;
}

static uint64_t clock_uptime(void *ctx)
{
    (void)ctx;
    return semihosting_milliseconds();
}

static aseptic_status flash_geometry(void *ctx, uint32_t *size, uint32_t *erase, uint32_t *program)
{
    (void)ctx;
    *size = LOG_SIZE;
    *erase = NOR_ERASE_SIZE;
    *program = NOR_PROGRAM_SIZE;
    return ASEPTIC_OK;
}

static aseptic_status flash_read(void *ctx, uint32_t at, uint8_t *out, size_t len)
{
    (void)ctx;
    return told(nor_read(at, out, len));
}

static aseptic_status flash_program(void *ctx, uint32_t at, const uint8_t *bytes, size_t len)
{
    (void)ctx;
    return told(nor_program(at, bytes, len));
}

static aseptic_status flash_erase(void *ctx, uint32_t at)
{
    (void)ctx;
    return told(nor_erase(at));
}

static aseptic_status image_geometry(void *ctx, uint8_t slot, uint64_t *size, uint32_t *erase, uint32_t *write)
{
    (void)ctx;
    (void)slot;
    *size = IMAGE_SIZE;
    *erase = NOR_ERASE_SIZE;
    *write = NOR_PROGRAM_SIZE;
    return ASEPTIC_OK;
}

/* Where in the flash a byte of an image lies; NOR_SIZE, which the driver refuses, where it would be outside. */
static uint32_t image_at(uint8_t slot, uint64_t offset, uint64_t len)
{
    int inside = slot < 2 && offset <= IMAGE_SIZE && len <= IMAGE_SIZE - offset;
    return inside ? IMAGES + slot * (uint32_t)IMAGE_SIZE + (uint32_t)offset : NOR_SIZE;
}

static aseptic_status image_erase(void *ctx, uint8_t slot, uint64_t offset, uint64_t len)
{
    uint32_t at = image_at(slot, offset, len);
    int failed = at == NOR_SIZE;
    (void)ctx;
    for (uint32_t done = 0; failed == 0 && done < len; done += NOR_ERASE_SIZE) {
        failed = nor_erase(at + done);
    }
    return told(failed);
}

/* The end of an image need not fill the last program unit: what follows it stays erased. */
static aseptic_status image_write(void *ctx, uint8_t slot, uint64_t offset, const uint8_t *bytes, size_t len)
{
    uint32_t at = image_at(slot, offset, len);
    size_t whole = len - len % NOR_PROGRAM_SIZE;
    int failed = at == NOR_SIZE || nor_program(at, bytes, whole) != 0;
    (void)ctx;
    if (failed == 0 && whole < len) {
        uint8_t last[NOR_PROGRAM_SIZE];
        (void)memset(last, 0xFF, sizeof last);
        (void)memcpy(last, bytes + whole, len - whole);
        failed = nor_program(at + (uint32_t)whole, last, sizeof last);
    }
    return told(failed);
}

static aseptic_status image_read(void *ctx, uint8_t slot, uint64_t offset, uint8_t *out, size_t len)
{
    (void)ctx;
    return told(nor_read(image_at(slot, offset, len), out, len));
}

/* One choice of the boot loader: the slot that runs, the one of the next reset, and how. A log of them fills the two units in
 * turn; the newest whole one counts, so that power loss leaves the old choice or the new one. */
typedef struct {
    uint32_t sequence;
    uint8_t running, next, mode, zero;
    uint32_t spare;
    uint32_t check;
} choice;

/* Fowler, Noll and Vo's hash, 32 bits: finds entries that were torn. */
static uint32_t check_of(const choice *entry)
{
    const uint8_t *bytes = (const uint8_t *)entry;
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < offsetof(choice, check); i++) {
        hash = (hash ^ bytes[i]) * 16777619u;
    }
    return hash;
}

/* The newest choice, and the entry after it; without one both slots are 0 and the first entry is free. */
static aseptic_status newest(choice *found, uint32_t *after)
{
    (void)memset(found, 0, sizeof *found);
    *after = 0;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        choice entry;
        if (nor_read(SELECTION + i * ENTRY_SIZE, (uint8_t *)&entry, sizeof entry) != 0) {
            return ASEPTIC_PLATFORM_IO;
        }
        if (entry.check == check_of(&entry) && entry.sequence > found->sequence && entry.running < 2 && entry.next < 2) {
            *found = entry;
            *after = (i + 1) % ENTRIES;
        }
    }
    return ASEPTIC_OK;
}

static int erased(uint32_t entry)
{
    uint8_t bytes[ENTRY_SIZE];
    int is = nor_read(SELECTION + entry * ENTRY_SIZE, bytes, sizeof bytes) == 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
        is = is && bytes[i] == 0xFF;
    }
    return is;
}

static aseptic_status choose(uint8_t running, uint8_t next, uint8_t mode)
{
    choice entry;
    uint32_t at;
    aseptic_status status = newest(&entry, &at);
    if (status != ASEPTIC_OK) {
        return status;
    }
    entry.sequence++;
    entry.running = running;
    entry.next = next;
    entry.mode = mode;
    entry.check = check_of(&entry);
    /* Behind the newest one there may be torn ones. The unit that it is in is never erased here. */
    while (at % (ENTRIES / UNITS) != 0 && !erased(at)) {
        at = (at + 1) % ENTRIES;
    }
    if (at % (ENTRIES / UNITS) == 0 && nor_erase(SELECTION + at * ENTRY_SIZE) != 0) {
        return ASEPTIC_PLATFORM_IO;
    }
    return told(nor_program(SELECTION + at * ENTRY_SIZE, (const uint8_t *)&entry, sizeof entry));
}

static aseptic_status image_running(void *ctx, uint8_t *slot)
{
    choice now;
    uint32_t after;
    aseptic_status status = newest(&now, &after);
    (void)ctx;
    *slot = now.running;
    return status;
}

/* Writes nothing where the choice is made already: it is asked for again at each start until all is done. */
static aseptic_status image_select(void *ctx, uint8_t slot, uint8_t mode)
{
    choice now;
    uint32_t after;
    aseptic_status status = newest(&now, &after);
    (void)ctx;
    if (status != ASEPTIC_OK || slot > 1 || (now.next == slot && now.mode == mode)) {
        return slot > 1 ? ASEPTIC_PLATFORM_DENIED : status;
    }
    return choose(now.running, slot, mode);
}

aseptic_status board_selection(void)
{
    choice now;
    uint32_t after;
    aseptic_status status = newest(&now, &after);
    if (status != ASEPTIC_OK || (now.mode != TRIAL && now.running == now.next)) {
        return status;
    }
    return choose(now.next, now.mode == TRIAL ? now.running : now.next, PERMANENT);
}

aseptic_status board_fall_back(uint8_t slot)
{
    choice now;
    uint32_t after;
    aseptic_status status = newest(&now, &after);
    return status != ASEPTIC_OK || now.running == slot ? status : choose(slot, now.next, now.mode);
}

void board_start(uint8_t slot)
{
    /* Where the linker was told to put slot images; a board that executes from its flash starts them where they lie. */
    static uint32_t *const place = (uint32_t *)0x20200000u;
    if (nor_read(image_at(slot, 0, IMAGE_SIZE), (uint8_t *)place, IMAGE_SIZE) == 0) {
        __asm__ volatile("msr msp, %0\n\tbx %1" : : "r"(place[0]), "r"(place[1]) : "memory");
    }
}

void board_reset(void)
{
    static volatile uint32_t *const RESET_CONTROL = (volatile uint32_t *)0xE000ED0Cu;
    *RESET_CONTROL = 0x05FA0004u;
    for (;;) {
    }
}

aseptic_status platform_open(aseptic_platform *platform, const char *place)
{
    if (nor_open(place) != 0) {
        return ASEPTIC_PLATFORM_NOT_FOUND;
    }
    (void)memset(platform, 0, sizeof *platform);
    platform->size = sizeof *platform;
    platform->entropy_fill = entropy_fill;
    platform->clock_now = clock_now;
    platform->clock_uptime = clock_uptime;
    platform->flash_geometry = flash_geometry;
    platform->flash_read = flash_read;
    platform->flash_program = flash_program;
    platform->flash_erase = flash_erase;
    platform->image_geometry = image_geometry;
    platform->image_erase = image_erase;
    platform->image_write = image_write;
    platform->image_read = image_read;
    platform->image_running = image_running;
    platform->image_select = image_select;
    return ASEPTIC_OK;
}
