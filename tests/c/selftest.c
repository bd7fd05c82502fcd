/* The self-test of a port: a right one over raw flash, and what it says of wrong ones. */
#include "check.h"
#include "ram.h"

#include <stdio.h>
#include <string.h>

enum { UNIT = 4096, UNITS = 8, SIZE = UNIT * UNITS };

static uint8_t flash[SIZE];
static uint64_t seed = 0x0123456789ABCDEFu, ticks;
static int stuck, protected;
static uint32_t left = UINT32_MAX;
static ram memory;
static aseptic_selftest_memory work;
static uint16_t found[64];
static uint32_t reported;

static aseptic_status entropy_fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        out[i] = stuck ? 0x42 : (uint8_t)(seed >> 24);
    }
    return ASEPTIC_OK;
}

static uint64_t clock_uptime(void *ctx)
{
    (void)ctx;
    return ++ticks;
}

/* 0 the power is gone, 1 it goes in this write, 2 it stays. */
static int power(void)
{
    if (left == 0)
        return 0;
    if (left != UINT32_MAX)
        left--;
    return left == 0 ? 1 : 2;
}

static aseptic_status flash_geometry(void *ctx, uint32_t *size, uint32_t *erase, uint32_t *program)
{
    (void)ctx;
    *size = SIZE, *erase = UNIT, *program = 8;
    return ASEPTIC_OK;
}

static aseptic_status flash_read(void *ctx, uint32_t at, uint8_t *out, size_t len)
{
    (void)ctx;
    CHECK(at <= SIZE && len <= SIZE - at);
    (void)memcpy(out, flash + at, len);
    return left == 0 ? ASEPTIC_PLATFORM_UNAVAILABLE : ASEPTIC_OK;
}

static aseptic_status flash_program(void *ctx, uint32_t at, const uint8_t *bytes, size_t len)
{
    int state = power();
    (void)ctx;
    CHECK(at % 8 == 0 && len % 8 == 0 && len > 0 && at / 256 == (at + len - 1) / 256 && (uintptr_t)bytes % 8 == 0);
    if (state == 0)
        return ASEPTIC_PLATFORM_UNAVAILABLE;
    for (size_t i = 0; i < (state == 1 ? len / 2 : len) && !protected; i++)
        flash[at + i] &= bytes[i];
    return state == 1 ? ASEPTIC_PLATFORM_UNAVAILABLE : ASEPTIC_OK;
}

static aseptic_status flash_erase(void *ctx, uint32_t at)
{
    int state = power();
    (void)ctx;
    CHECK(at % UNIT == 0 && at < SIZE);
    if (state == 0)
        return ASEPTIC_PLATFORM_UNAVAILABLE;
    (void)memset(flash + at, 0xFF, state == 1 ? UNIT / 2 : UNIT);
    return state == 1 ? ASEPTIC_PLATFORM_UNAVAILABLE : ASEPTIC_OK;
}

static aseptic_status power_cut(void *ctx, uint32_t writes)
{
    (void)ctx;
    left = writes == ASEPTIC_SELFTEST_POWER_BACK ? UINT32_MAX : writes + 1;
    return ASEPTIC_OK;
}

static void finding(void *ctx, uint16_t number, uint64_t detail)
{
    aseptic_slice problem = aseptic_selftest_problem(number), remedy = aseptic_selftest_remedy(number);
    CHECK(ctx == &memory && problem.len > 0 && remedy.len > 0);
    (void)printf("selftest: %u (%llu): %.*s %.*s\n", number, (unsigned long long)detail, (int)problem.len,
                 (const char *)problem.ptr, (int)remedy.len, (const char *)remedy.ptr);
    if (reported < sizeof found / sizeof found[0])
        found[reported] = number;
    reported++;
}

static int has(uint16_t number)
{
    for (uint32_t i = 0; i < reported; i++)
        if (found[i] == number)
            return 1;
    return 0;
}

int main(void)
{
    aseptic_selftest test = { sizeof test, ASEPTIC_SELFTEST_DANGER_OTHER_IMAGE, &memory, finding, power_cut };
    aseptic_platform platform;
    uint32_t findings = 7;
    ram_init(&memory);
    platform = ram_platform(&memory);
    platform.entropy_fill = entropy_fill;
    platform.clock_uptime = clock_uptime;
    platform.store_load = NULL;
    platform.store_save = NULL;
    platform.store_erase = NULL;
    platform.counter_read = NULL;
    platform.counter_advance = NULL;
    platform.flash_geometry = flash_geometry;
    platform.flash_read = flash_read;
    platform.flash_program = flash_program;
    platform.flash_erase = flash_erase;
    (void)memset(flash, 0xFF, sizeof flash);

    CHECK(aseptic_selftest_run(&platform, NULL, &test, &work, &findings) == ASEPTIC_OK);
    CHECK(findings == reported && findings == 0);

    reported = 0, stuck = 1;
    CHECK(aseptic_selftest_run(&platform, NULL, &test, &work, &findings) == ASEPTIC_OK);
    CHECK(findings == reported && has(104));
    reported = 0, stuck = 0, protected = 1;
    CHECK(aseptic_selftest_run(&platform, NULL, &test, &work, &findings) == ASEPTIC_OK);
    CHECK(findings == reported && has(605));
    protected = 0;

    CHECK(aseptic_selftest_problem(0).len == 0 && aseptic_selftest_remedy(9999).len == 0);
    CHECK(aseptic_selftest_run(NULL, NULL, &test, &work, &findings) == ASEPTIC_MISUSE && findings == 0);
    CHECK(aseptic_selftest_run(&platform, NULL, NULL, &work, &findings) == ASEPTIC_MISUSE);
    CHECK(aseptic_selftest_run(&platform, NULL, &test, NULL, &findings) == ASEPTIC_MISUSE);
    CHECK(aseptic_selftest_run(&platform, NULL, &test, &work, NULL) == ASEPTIC_MISUSE);
    test.options = 2;
    CHECK(aseptic_selftest_run(&platform, NULL, &test, &work, &findings) == ASEPTIC_MISUSE);
    test.options = 0, test.size++;
    CHECK(aseptic_selftest_run(&platform, NULL, &test, &work, &findings) == ASEPTIC_MISUSE);
    test.size--, test.finding = NULL;
    CHECK(aseptic_selftest_run(&platform, NULL, &test, &work, &findings) == ASEPTIC_MISUSE);
    return 0;
}
