#include "faults.h"

#include "timer.h"

enum {
    ENTROPY_FILL, CLOCK_NOW, CLOCK_UPTIME, FLASH_GEOMETRY, FLASH_READ, FLASH_PROGRAM, FLASH_ERASE,
    IMAGE_GEOMETRY, IMAGE_ERASE, IMAGE_WRITE, IMAGE_READ, IMAGE_RUNNING, IMAGE_SELECT, ON_EVENT
};

/* A call that blocks at each of its thousands would make a run of hours. */
enum { BLOCKED_MS = 50, BLOCKED_CALLS = 4, EVERY = 3, NOTHING = FAULTS_KINDS };

static aseptic_platform real;
static uint32_t victim = FAULTS_ENTRIES, how, every = 1, calls, blocked, met;

/* What is to happen to this call: FAULTS_FAIL, FAULTS_CORRUPT or NOTHING. A block has happened when it returns. */
static uint32_t meddle(uint32_t entry)
{
    if (entry != victim || ++calls % every != 0) {
        return NOTHING;
    }
    if (how != FAULTS_BLOCK) {
        met++;
        return how;
    }
    if (blocked < BLOCKED_CALLS) {
        blocked++;
        met++;
        timer_wait(BLOCKED_MS * TIMER_PER_MS);
    }
    return NOTHING;
}

static void spoil(uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(out[i] * 5u + 0x5Bu);
    }
}

static aseptic_status entropy_fill(void *ctx, uint8_t *out, size_t len)
{
    uint32_t fate = meddle(ENTROPY_FILL);
    aseptic_status status = real.entropy_fill(ctx, out, len);
    if (fate == FAULTS_CORRUPT) {
        for (size_t i = 0; i < len; i++) {
            out[i] = 0;
        }
    }
    return fate == FAULTS_FAIL ? ASEPTIC_PLATFORM_UNAVAILABLE : status;
}

static aseptic_status clock_now(void *ctx, uint64_t *seconds, uint8_t *trust)
{
    uint32_t fate = meddle(CLOCK_NOW);
    aseptic_status status = real.clock_now(ctx, seconds, trust);
    if (fate == FAULTS_CORRUPT) {
        *seconds = UINT64_MAX;
        *trust = 2;
    }
    return fate == FAULTS_FAIL ? ASEPTIC_PLATFORM_UNAVAILABLE : status;
}

static uint64_t clock_uptime(void *ctx)
{
    return meddle(CLOCK_UPTIME) == NOTHING ? real.clock_uptime(ctx) : UINT64_MAX;
}

static aseptic_status flash_geometry(void *ctx, uint32_t *size, uint32_t *erase, uint32_t *program)
{
    uint32_t fate = meddle(FLASH_GEOMETRY);
    aseptic_status status = real.flash_geometry(ctx, size, erase, program);
    if (fate == FAULTS_CORRUPT) {
        *size = UINT32_MAX;
        *erase = 3;
    }
    return fate == FAULTS_FAIL ? ASEPTIC_PLATFORM_IO : status;
}

static aseptic_status flash_read(void *ctx, uint32_t at, uint8_t *out, size_t len)
{
    uint32_t fate = meddle(FLASH_READ);
    aseptic_status status = real.flash_read(ctx, at, out, len);
    if (fate == FAULTS_CORRUPT) {
        spoil(out, len);
    }
    return fate == FAULTS_FAIL ? ASEPTIC_PLATFORM_IO : status;
}

/* What is wrong about a write is that it claims to have happened. */
static aseptic_status flash_program(void *ctx, uint32_t at, const uint8_t *bytes, size_t len)
{
    uint32_t fate = meddle(FLASH_PROGRAM);
    if (fate != NOTHING) {
        return fate == FAULTS_FAIL ? ASEPTIC_PLATFORM_IO : ASEPTIC_OK;
    }
    return real.flash_program(ctx, at, bytes, len);
}

static aseptic_status flash_erase(void *ctx, uint32_t at)
{
    uint32_t fate = meddle(FLASH_ERASE);
    if (fate != NOTHING) {
        return fate == FAULTS_FAIL ? ASEPTIC_PLATFORM_IO : ASEPTIC_OK;
    }
    return real.flash_erase(ctx, at);
}

static aseptic_status image_geometry(void *ctx, uint8_t slot, uint64_t *size, uint32_t *erase, uint32_t *write)
{
    uint32_t fate = meddle(IMAGE_GEOMETRY);
    aseptic_status status = real.image_geometry(ctx, slot, size, erase, write);
    if (fate == FAULTS_CORRUPT) {
        *size = UINT64_MAX;
        *erase = 0;
        *write = 0;
    }
    return fate == FAULTS_FAIL ? ASEPTIC_PLATFORM_IO : status;
}

static aseptic_status image_erase(void *ctx, uint8_t slot, uint64_t offset, uint64_t len)
{
    uint32_t fate = meddle(IMAGE_ERASE);
    if (fate != NOTHING) {
        return fate == FAULTS_FAIL ? ASEPTIC_PLATFORM_IO : ASEPTIC_OK;
    }
    return real.image_erase(ctx, slot, offset, len);
}

static aseptic_status image_write(void *ctx, uint8_t slot, uint64_t offset, const uint8_t *bytes, size_t len)
{
    uint32_t fate = meddle(IMAGE_WRITE);
    if (fate != NOTHING) {
        return fate == FAULTS_FAIL ? ASEPTIC_PLATFORM_IO : ASEPTIC_OK;
    }
    return real.image_write(ctx, slot, offset, bytes, len);
}

static aseptic_status image_read(void *ctx, uint8_t slot, uint64_t offset, uint8_t *out, size_t len)
{
    uint32_t fate = meddle(IMAGE_READ);
    aseptic_status status = real.image_read(ctx, slot, offset, out, len);
    if (fate == FAULTS_CORRUPT) {
        spoil(out, len);
    }
    return fate == FAULTS_FAIL ? ASEPTIC_PLATFORM_IO : status;
}

static aseptic_status image_running(void *ctx, uint8_t *slot)
{
    uint32_t fate = meddle(IMAGE_RUNNING);
    aseptic_status status = real.image_running(ctx, slot);
    if (fate == FAULTS_CORRUPT) {
        *slot = (uint8_t)(*slot ^ 1u);
    }
    return fate == FAULTS_FAIL ? ASEPTIC_PLATFORM_IO : status;
}

static aseptic_status image_select(void *ctx, uint8_t slot, uint8_t mode)
{
    uint32_t fate = meddle(IMAGE_SELECT);
    if (fate != NOTHING) {
        return fate == FAULTS_FAIL ? ASEPTIC_PLATFORM_IO : ASEPTIC_OK;
    }
    return real.image_select(ctx, slot, mode);
}

/* Has nothing to answer: it can only take its time. */
static void on_event(void *ctx, aseptic_status reason, uint64_t detail)
{
    (void)ctx;
    (void)reason;
    (void)detail;
    (void)meddle(ON_EVENT);
}

void faults_wrap(aseptic_platform *platform)
{
    real = *platform;
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
    platform->on_event = on_event;
}

void faults_choose(uint32_t entry, uint32_t kind, int rarely)
{
    victim = entry;
    how = kind;
    every = rarely ? EVERY : 1;
    calls = 0;
    blocked = 0;
}

uint32_t faults_met(void)
{
    return met;
}
