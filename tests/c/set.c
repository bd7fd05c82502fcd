/* A device whose slots hold two components each, installed through the header, with the power lost at any change.
 *
 *   set FOLDER update ENV MAIN CUT    stage the set of the envelope ENV, whose component main lies in the file MAIN and whose other
 *                                     one the envelope carries; select it. The power is lost at the change of number CUT / 3:
 *                                     before it, inside it, or after it. Prints how many changes there were.
 *   set FOLDER boot KEEP              after a restart: say what runs, and keep it if it is on trial and KEEP is 1
 *
 * The exit status is 0 for done, 9 for lost power, 1 for anything else. */
#include "check.h"
#include "platform.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENVELOPE_SIZE = 32768, CHUNK = 1000, LOST = 9, SLOT_SIZE = 16384 };

static const aseptic_component PARTS[] = {
    { { (const uint8_t *)"main", 4 }, 0, 8192 },
    { { (const uint8_t *)"radio", 5 }, 8192, 4096 },
};
/* The vendor `pumps.example` and its class `infusion-pump`. */
static const aseptic_model MODEL = {
    .vendor = { 0xa3, 0x03, 0xe9, 0x5d, 0xc0, 0x7f, 0x5d, 0x48, 0xb2, 0xcc, 0x77, 0x81, 0x2b, 0x6a, 0x57, 0xe7 },
    .device_class = { 0x7e, 0xb1, 0x10, 0x62, 0x2b, 0xf5, 0x5e, 0x39, 0x97, 0x78, 0x00, 0x18, 0x1a, 0xd2, 0xb3, 0x3d },
    .components = PARTS,
    .component_count = 2,
};

static aseptic_platform real;
static aseptic_device device;
static aseptic_update update;
static uint8_t envelope_bytes[ENVELOPE_SIZE];
static long changes, cut = LONG_MAX;
static FILE *payload;

/* Ends the program, with nothing left open. */
static void leave(int status)
{
    if (payload != NULL) {
        (void)fclose(payload);
    }
    exit(status);
}

/* Whether this change is not to happen; ends the program where it is not to happen at all. */
static int torn(void)
{
    if (changes++ != cut / 3) {
        return 0;
    }
    if (cut % 3 == 0) {
        leave(LOST);
    }
    return cut % 3 == 1;
}

static aseptic_status done(aseptic_status status)
{
    if (changes - 1 == cut / 3) {
        leave(LOST);
    }
    return status;
}

static aseptic_status store_save(void *ctx, uint16_t slot, const uint8_t *bytes, size_t len)
{
    return done(torn() ? ASEPTIC_OK : real.store_save(ctx, slot, bytes, len));
}

static aseptic_status store_erase(void *ctx, uint16_t slot)
{
    return done(torn() ? ASEPTIC_OK : real.store_erase(ctx, slot));
}

static aseptic_status counter_advance(void *ctx, uint8_t counter, uint64_t value)
{
    return done(torn() ? ASEPTIC_OK : real.counter_advance(ctx, counter, value));
}

/* Small, so that every change can be tried. */
static aseptic_status image_geometry(void *ctx, uint8_t slot, uint64_t *size, uint32_t *erase, uint32_t *write)
{
    aseptic_status status = real.image_geometry(ctx, slot, size, erase, write);
    *size = SLOT_SIZE;
    return status;
}

static aseptic_status image_erase(void *ctx, uint8_t slot, uint64_t offset, uint64_t len)
{
    return done(torn() ? ASEPTIC_OK : real.image_erase(ctx, slot, offset, len));
}

static aseptic_status image_write(void *ctx, uint8_t slot, uint64_t offset, const uint8_t *bytes, size_t len)
{
    return done(real.image_write(ctx, slot, offset, bytes, torn() ? len / 2 : len));
}

static aseptic_status image_select(void *ctx, uint8_t slot, uint8_t mode)
{
    return done(torn() ? ASEPTIC_OK : real.image_select(ctx, slot, mode));
}

static size_t whole_file(const char *path, uint8_t *room, size_t size)
{
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    size_t len = fread(room, 1, size, file);
    (void)fclose(file);
    return len;
}

static void steps(void)
{
    uint8_t more = 1;
    while (more != 0) {
        CHECK(aseptic_update_step(&device, &update, &more) == ASEPTIC_OK);
    }
}

static void take_update(const char *envelope_path, const char *main_path)
{
    static uint8_t chunk[CHUNK];
    aseptic_slice envelope = { envelope_bytes, whole_file(envelope_path, envelope_bytes, sizeof envelope_bytes) };
    payload = fopen(main_path, "rb");
    CHECK(payload != NULL);
    aseptic_status status = aseptic_update_begin(&device, envelope, &MODEL, &update);
    if (status != ASEPTIC_OK) {
        (void)printf("refused: %d\n", (int)status);
        leave(1);
    }
    for (;;) {
        aseptic_part part;
        steps();
        CHECK(aseptic_update_part(&update, envelope, &part) == ASEPTIC_OK);
        if (part.missing == 0) {
            break;
        }
        aseptic_slice bytes = { chunk, part.missing < CHUNK ? (size_t)part.missing : CHUNK };
        if (part.payload.len != 0) {
            CHECK(part.number == 1 && part.offset + part.missing == part.payload.len);
            bytes.ptr = part.payload.ptr + part.offset;
        } else {
            CHECK(part.number == 0 && part.uri.len == strlen("https://pumps.example/main"));
            CHECK(fseek(payload, (long)part.offset, SEEK_SET) == 0 && fread(chunk, 1, bytes.len, payload) == bytes.len);
        }
        CHECK(aseptic_update_feed(&device, &update, bytes) == ASEPTIC_OK);
    }
    (void)fclose(payload);
    payload = NULL;
    CHECK(aseptic_update_finish(&device, &update) == ASEPTIC_OK);
    steps();
    CHECK(aseptic_update_activate(&device, &update) == ASEPTIC_OK);
    aseptic_update_wipe(&update);
}

static void boot(int keep)
{
    uint8_t state;
    CHECK(aseptic_boot_state(&device, &state) == ASEPTIC_OK);
    if (keep && state == ASEPTIC_BOOT_TRIAL) {
        CHECK(aseptic_boot_confirm(&device, 0) == ASEPTIC_OK);
    }
    (void)printf("state %d\n", state);
}

int main(int count, char **words)
{
    CHECK(count > 3);
    CHECK(platform_open(&real, words[1]) == ASEPTIC_OK);
    aseptic_platform platform = real;
    platform.store_save = store_save;
    platform.store_erase = store_erase;
    platform.counter_advance = counter_advance;
    platform.image_geometry = image_geometry;
    platform.image_erase = image_erase;
    platform.image_write = image_write;
    platform.image_select = image_select;
    CHECK(aseptic_device_init(&device, &platform, NULL) == ASEPTIC_OK);
    CHECK(aseptic_device_set_use(&device, ASEPTIC_USE_IDLE) == ASEPTIC_OK);
    if (strcmp(words[2], "update") == 0) {
        CHECK(count == 6);
        cut = atol(words[5]);
        take_update(words[3], words[4]);
        (void)printf("changes %ld\n", changes);
    } else {
        boot(strcmp(words[3], "1") == 0);
    }
    aseptic_device_wipe(&device);
    return 0;
}
