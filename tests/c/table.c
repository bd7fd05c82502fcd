/* The two tables: what they must hold, and how their size is told. */
#include "check.h"
#include "ram.h"

#include <string.h>

static ram memory;
static aseptic_device device;

static aseptic_status key_generate(void *ctx, uint32_t key, uint8_t alg, uint8_t usage)
{
    (void)ctx, (void)key, (void)alg, (void)usage;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

static aseptic_status key_public(void *ctx, uint32_t key, uint8_t *out, size_t cap, size_t *len, uint8_t *alg, uint8_t *usage)
{
    (void)ctx, (void)key, (void)out, (void)cap, (void)len, (void)alg, (void)usage;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

static aseptic_status key_sign_digest(void *ctx, uint32_t key, const uint8_t *digest, uint8_t *signature)
{
    (void)ctx, (void)key, (void)digest, (void)signature;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

static aseptic_status key_agree(void *ctx, uint32_t key, const uint8_t *peer, size_t len, uint8_t *secret)
{
    (void)ctx, (void)key, (void)peer, (void)len, (void)secret;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

static aseptic_status key_next(void *ctx, uint32_t after, uint32_t *key)
{
    (void)ctx, (void)after, (void)key;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

static aseptic_status key_destroy(void *ctx, uint32_t key)
{
    (void)ctx, (void)key;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

static aseptic_status flash_geometry(void *ctx, uint32_t *size, uint32_t *erase, uint32_t *program)
{
    (void)ctx, (void)size, (void)erase, (void)program;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

static aseptic_status flash_read(void *ctx, uint32_t at, uint8_t *out, size_t len)
{
    (void)ctx, (void)at, (void)out, (void)len;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

static aseptic_status flash_program(void *ctx, uint32_t at, const uint8_t *bytes, size_t len)
{
    (void)ctx, (void)at, (void)bytes, (void)len;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

static aseptic_status flash_erase(void *ctx, uint32_t at)
{
    (void)ctx, (void)at;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

static aseptic_status with(const aseptic_platform *table)
{
    aseptic_status status = aseptic_device_init(&device, table, NULL);
    aseptic_device_wipe(&device);
    return status;
}

static aseptic_status sha256_start(void *ctx, uint64_t *state)
{
    (void)ctx, (void)state;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* The table of engines may be empty; what it holds must be whole. */
static void engines(const aseptic_platform *platform)
{
    aseptic_crypto crypto;
    (void)memset(&crypto, 0, sizeof crypto);
    CHECK(aseptic_device_init(&device, platform, &crypto) == ASEPTIC_MISUSE);
    crypto.size = sizeof crypto;
    CHECK(aseptic_device_init(&device, platform, &crypto) == ASEPTIC_OK);
    aseptic_device_wipe(&device);
    crypto.sha256_start = sha256_start;
    CHECK(aseptic_device_init(&device, platform, &crypto) == ASEPTIC_MISUSE);
    crypto.sha256_start = NULL;
    crypto.reserved = 1;
    CHECK(aseptic_device_init(&device, platform, &crypto) == ASEPTIC_MISUSE);
    crypto.reserved = 0;
    crypto.size++;
    CHECK(aseptic_device_init(&device, platform, &crypto) == ASEPTIC_MISUSE);
}

#define WITHOUT(entry)                               \
    do {                                             \
        aseptic_platform lacking = whole;            \
        lacking.entry = NULL;                        \
        CHECK(with(&lacking) == ASEPTIC_MISUSE);     \
    } while (0)

int main(void)
{
    aseptic_platform whole = ram_platform(&memory), other;
    ram_init(&memory);
    whole.key_generate = key_generate;
    whole.key_public = key_public;
    whole.key_sign_digest = key_sign_digest;
    whole.key_agree = key_agree;
    whole.key_next = key_next;
    whole.key_destroy = key_destroy;
    CHECK(with(&whole) == ASEPTIC_OK);
    engines(&whole);

    WITHOUT(entropy_fill);
    WITHOUT(clock_now);
    WITHOUT(clock_uptime);
    WITHOUT(store_load);
    WITHOUT(store_save);
    WITHOUT(store_erase);
    WITHOUT(counter_read);
    WITHOUT(counter_advance);
    WITHOUT(key_generate);
    WITHOUT(key_public);
    WITHOUT(key_sign_digest);
    WITHOUT(key_agree);
    WITHOUT(key_next);
    WITHOUT(key_destroy);
    WITHOUT(image_geometry);
    WITHOUT(image_erase);
    WITHOUT(image_write);
    WITHOUT(image_read);
    WITHOUT(image_running);
    WITHOUT(image_select);

    /* With flash the library keeps store and counters itself; each group is whole or not there. */
    whole.flash_geometry = flash_geometry;
    whole.flash_read = flash_read;
    whole.flash_program = flash_program;
    whole.flash_erase = flash_erase;
    CHECK(with(&whole) == ASEPTIC_OK);
    WITHOUT(flash_geometry);
    WITHOUT(flash_read);
    WITHOUT(flash_program);
    WITHOUT(flash_erase);
    WITHOUT(store_load);
    WITHOUT(counter_advance);
    other = whole;
    other.counter_read = NULL;
    other.counter_advance = NULL;
    CHECK(with(&other) == ASEPTIC_OK);
    other.store_load = NULL;
    other.store_save = NULL;
    CHECK(with(&other) == ASEPTIC_MISUSE);
    other.store_erase = NULL;
    CHECK(with(&other) == ASEPTIC_OK);
    other.flash_geometry = NULL;
    CHECK(with(&other) == ASEPTIC_MISUSE);

    /* The groups that a device may lack as a whole, and the single entries. */
    other = ram_platform(&memory);
    other.image_geometry = NULL;
    other.image_erase = NULL;
    other.image_write = NULL;
    other.image_read = NULL;
    other.image_running = NULL;
    other.image_select = NULL;
    other.counter_hardware = NULL;
    other.on_event = NULL;
    CHECK(with(&other) == ASEPTIC_OK);
    uint8_t boot = 7;
    CHECK(aseptic_device_init(&device, &other, NULL) == ASEPTIC_OK);
    CHECK(aseptic_boot_state(&device, &boot) == ASEPTIC_PLATFORM_UNAVAILABLE && boot == 0);
    aseptic_device_wipe(&device);

    /* A table of another size is not read beyond its size: the memory behind this one is not the program's. */
    uint32_t sizes[] = { 0, 4, (uint32_t)sizeof whole - 1, (uint32_t)sizeof whole + 1, UINT32_MAX };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        other = whole;
        other.size = sizes[i];
        CHECK(with(&other) == ASEPTIC_MISUSE);
    }
    aseptic_platform *small = malloc(8);
    CHECK(small != NULL);
    (void)memset(small, 0, 8);
    (void)memcpy(small, &(uint32_t){ 8 }, sizeof(uint32_t));
    CHECK(with(small) == ASEPTIC_MISUSE);
    free(small);
    other = whole;
    other.reserved = 1;
    CHECK(with(&other) == ASEPTIC_MISUSE);

    /* The table is copied: the program may reuse its memory. */
    other = ram_platform(&memory);
    CHECK(aseptic_device_init(&device, &other, NULL) == ASEPTIC_OK);
    (void)memset(&other, 0xA5, sizeof other);
    CHECK(aseptic_boot_state(&device, &boot) == ASEPTIC_OK && boot == ASEPTIC_BOOT_CONFIRMED);
    aseptic_device_wipe(&device);
    (void)printf("the tables are checked entry by entry\n");
    return 0;
}
