/* The template of a port compiles, is taken for a whole table, and is told to be none that works. */
#include "check.h"
#include "aseptic.h"

aseptic_platform platform_template(void *ctx);

static aseptic_device device;
static aseptic_selftest_memory work;
static uint32_t entropy, geometry;

static void finding(void *ctx, uint16_t number, uint64_t detail)
{
    (void)ctx, (void)detail;
    entropy += number == 101;
    geometry += number == 601;
}

int main(void)
{
    aseptic_platform platform = platform_template(NULL);
    aseptic_selftest test = { sizeof test, 0, NULL, finding, NULL };
    uint32_t findings = 0;
    uint8_t boot = 7;
    CHECK(aseptic_device_init(&device, &platform, NULL) == ASEPTIC_OK);
    CHECK(aseptic_boot_state(&device, &boot) == ASEPTIC_PLATFORM_UNAVAILABLE && boot == 0);
    aseptic_device_wipe(&device);
    CHECK(aseptic_selftest_run(&platform, NULL, &test, &work, &findings) == ASEPTIC_OK);
    CHECK(findings >= 2 && entropy > 0 && geometry == 1);
    return 0;
}
