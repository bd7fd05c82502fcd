/* The starting point of a port: every function that the library asks of a device, with its contract.
 *
 * This file compiles and does nothing: each function answers ASEPTIC_PLATFORM_UNAVAILABLE until somebody writes it. A library
 * over this table refuses to work, and says so; it never pretends. Copy the file, write the functions, and let
 * aseptic_selftest_run tell what is wrong with them.
 *
 * For all functions: they are called on the task that called the library, one at a time, never from an interrupt; they may
 * block; they must not call the library; `ctx` is what the table says. Pointers are valid for the length beside them and only
 * during the call. A function that fails answers the one of these that fits, and has then changed nothing or finished:
 *   ASEPTIC_PLATFORM_UNAVAILABLE  not there, or not now: a later call may succeed
 *   ASEPTIC_PLATFORM_IO           the medium or the engine reported an error
 *   ASEPTIC_PLATFORM_FULL         no room left, or the room that was passed is too small
 *   ASEPTIC_PLATFORM_NOT_FOUND    nothing is stored under this name
 *   ASEPTIC_PLATFORM_DENIED       forbidden: an id that is taken, a key made for another use, a point off the curve
 *   ASEPTIC_PLATFORM_CORRUPT      what is stored cannot be read back as it was written
 */
#include "aseptic.h"

/* ENTROPY, required. Fill all `len` bytes from the conditioned output of a generator that tests its own health, or fail: a
 * partial answer is a failure. Lengths are no multiples of a word. Not a seed and not a counter: keys are made of it. */
static aseptic_status entropy_fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    (void)out;
    (void)len;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* WALL CLOCK, required. Seconds since 1970, and their worth: 0 unknown, 1 at least this late, 2 trusted. A device without a
 * clock is a normal device and answers as here; never call a time trusted that a reset has set to a default. */
static aseptic_status clock_now(void *ctx, uint64_t *seconds, uint8_t *trust)
{
    (void)ctx;
    *seconds = 0u;
    *trust = 0u;
    return ASEPTIC_OK;
}

/* UPTIME, required. Milliseconds since boot; never steps back, in 64 bits. A timer of 32 bits is extended with care for the
 * moment in which it wraps. */
static uint64_t clock_uptime(void *ctx)
{
    (void)ctx;
    return 0u;
}

/* STORE. Blobs of up to 8192 bytes by a 16-bit number; about 30 numbers are in use. All three, or all NULL where the table has
 * flash_...: then the library keeps them itself.
 *
 * Copies the blob to `out` and its length to `len`. NOT_FOUND if there is none, FULL if it is longer than `cap`. */
static aseptic_status store_load(void *ctx, uint16_t slot, uint8_t *out, size_t cap, size_t *len)
{
    (void)ctx;
    (void)slot;
    (void)out;
    (void)cap;
    *len = 0u;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* Replaces the blob. After a power cut at any moment the slot holds the old blob or the new one, never a third; after OK it
 * holds the new one, whatever happens. This is the promise on which everything else rests: write elsewhere, then switch with
 * one last write. */
static aseptic_status store_save(void *ctx, uint16_t slot, const uint8_t *bytes, size_t len)
{
    (void)ctx;
    (void)slot;
    (void)bytes;
    (void)len;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* Removes the blob. OK also where there is none. Slots from 256 on hold private keys: leave no copy of the bytes. */
static aseptic_status store_erase(void *ctx, uint16_t slot)
{
    (void)ctx;
    (void)slot;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* COUNTERS 1 to 5, and 7 for the self-test. Both, or both NULL where the table has flash_... .
 *
 * The value in all 64 bits; 0 for one that was never advanced. */
static aseptic_status counter_read(void *ctx, uint8_t counter, uint64_t *value)
{
    (void)ctx;
    (void)counter;
    *value = 0u;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* Moves the counter up to `value`; a lower or equal one changes nothing and succeeds. After a power cut the counter holds the old
 * value or the new one. */
static aseptic_status counter_advance(void *ctx, uint8_t counter, uint64_t value)
{
    (void)ctx;
    (void)counter;
    (void)value;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* Optional. 1 only where writing the whole flash back does not step the counters back: fuses, RPMB, a secure element. */
static uint8_t counter_hardware(void *ctx)
{
    (void)ctx;
    return 0u;
}

/* KEYS in a secure element. Optional, all six together; NULL: the library keeps software keys in the store, as safe as the
 * store is. The private key never comes out.
 *
 * Makes a key from the element's own generator. `alg` 1 P-256, 2 Ed25519, 3 X25519; `usage` 1 sign, 2 agree, fixed for ever.
 * DENIED if the id is taken. After a power cut the key is whole or absent. */
static aseptic_status key_generate(void *ctx, uint32_t key, uint8_t alg, uint8_t usage)
{
    (void)ctx;
    (void)key;
    (void)alg;
    (void)usage;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* The public key, 65 bytes for P-256 (0x04, x, y), else 32, with algorithm and use. NOT_FOUND without a key. */
static aseptic_status key_public(void *ctx, uint32_t key, uint8_t *out, size_t cap, size_t *len, uint8_t *alg,
                                 uint8_t *usage)
{
    (void)ctx;
    (void)key;
    (void)out;
    (void)cap;
    *len = 0u;
    *alg = 0u;
    *usage = 0u;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* Signs 32 bytes as they are: the SHA-256 of the message, which is not hashed again. The signature is r and s, 32 bytes each, big
 * endian, no DER. DENIED for a key that is not made to sign. */
static aseptic_status key_sign_digest(void *ctx, uint32_t key, const uint8_t *digest, uint8_t *signature)
{
    (void)ctx;
    (void)key;
    (void)digest;
    (void)signature;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* The Diffie-Hellman secret, 32 bytes: the x coordinate, or the output of X25519. DENIED for a peer that is no point of the
 * curve, and for a key that is not made to agree. */
static aseptic_status key_agree(void *ctx, uint32_t key, const uint8_t *peer, size_t len, uint8_t *secret)
{
    (void)ctx;
    (void)key;
    (void)peer;
    (void)len;
    (void)secret;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* The lowest id above `after`; 0 after the last. */
static aseptic_status key_next(void *ctx, uint32_t after, uint32_t *key)
{
    (void)ctx;
    (void)after;
    *key = 0u;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* Removes a key beyond recovery, also one whose entry is damaged. OK also where there is none. */
static aseptic_status key_destroy(void *ctx, uint32_t key)
{
    (void)ctx;
    (void)key;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* PROGRAM SLOTS 0 and 1. Optional, all six together; NULL: this device takes no updates.
 *
 * Size of a slot, unit of erasing and unit of writing in bytes: powers of two, at most 32 to write. */
static aseptic_status image_geometry(void *ctx, uint8_t slot, uint64_t *size, uint32_t *erase, uint32_t *write)
{
    (void)ctx;
    (void)slot;
    *size = 0u;
    *erase = 0u;
    *write = 0u;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* Erases whole erase units; never called for the slot that runs. Interrupted, the range holds anything. */
static aseptic_status image_erase(void *ctx, uint8_t slot, uint64_t offset, uint64_t len)
{
    (void)ctx;
    (void)slot;
    (void)offset;
    (void)len;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* Writes to erased bytes; `offset` is a multiple of the unit of writing, and so is `len` except at the end of an image, where the
 * port pads. */
static aseptic_status image_write(void *ctx, uint8_t slot, uint64_t offset, const uint8_t *bytes, size_t len)
{
    (void)ctx;
    (void)slot;
    (void)offset;
    (void)bytes;
    (void)len;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* Reads from the medium itself, past any cache: what is read is what is verified. */
static aseptic_status image_read(void *ctx, uint8_t slot, uint64_t offset, uint8_t *out, size_t len)
{
    (void)ctx;
    (void)slot;
    (void)offset;
    (void)out;
    (void)len;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* The slot from which this program was started. */
static aseptic_status image_running(void *ctx, uint8_t *slot)
{
    (void)ctx;
    *slot = 0u;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* Chooses the slot of the next boot; `mode` 1 boots it once, and without a call with mode 2 before the next reset the other
 * one boots again. After a power cut the old choice or the new one holds. */
static aseptic_status image_select(void *ctx, uint8_t slot, uint8_t mode)
{
    (void)ctx;
    (void)slot;
    (void)mode;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* EVENTS. Optional. Put the number and the value into the device's log; must not fail and must not block for long. */
static void on_event(void *ctx, aseptic_status reason, uint64_t detail)
{
    (void)ctx;
    (void)reason;
    (void)detail;
}

/* RAW FLASH. Optional, all four together: an area of NOR flash for the library alone, addressed from 0, on which it keeps what
 * store_... and counter_... are for. Erased once, when the device is made. Four erase units or more, and twice the space of
 * what is stored; 64 KiB serve most devices.
 *
 * Size of the area, unit of erasing (256 bytes or more), unit of programming (at most 32): powers of two, always the same. */
static aseptic_status flash_geometry(void *ctx, uint32_t *size, uint32_t *erase, uint32_t *program)
{
    (void)ctx;
    *size = 0u;
    *erase = 0u;
    *program = 0u;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* Reads any bytes of the area. CORRUPT for words that the error correction gives up (on many parts a fault or an interrupt,
 * which the port turns into this answer), and for nothing else. */
static aseptic_status flash_read(void *ctx, uint32_t at, uint8_t *out, size_t len)
{
    (void)ctx;
    (void)at;
    (void)out;
    (void)len;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* Programs erased bytes: whole units, within 256 aligned bytes (a page of serial flash), from memory aligned to 8. No unit is
 * programmed twice between two erasures. Done when it returns. */
static aseptic_status flash_program(void *ctx, uint32_t at, const uint8_t *bytes, size_t len)
{
    (void)ctx;
    (void)at;
    (void)bytes;
    (void)len;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* Erases the one unit that begins at `at` to 0xFF. Done when it returns. */
static aseptic_status flash_erase(void *ctx, uint32_t at)
{
    (void)ctx;
    (void)at;
    return ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* The table. Leave out what the device does not have: the groups that are optional are NULL as a whole. */
aseptic_platform platform_template(void *ctx);

aseptic_platform platform_template(void *ctx)
{
    const aseptic_platform platform = {
        .size = (uint32_t)sizeof(aseptic_platform),
        .reserved = 0u,
        .ctx = ctx,
        .entropy_fill = entropy_fill,
        .clock_now = clock_now,
        .clock_uptime = clock_uptime,
        .store_load = store_load,
        .store_save = store_save,
        .store_erase = store_erase,
        .counter_read = counter_read,
        .counter_advance = counter_advance,
        .counter_hardware = counter_hardware,
        .key_generate = key_generate,
        .key_public = key_public,
        .key_sign_digest = key_sign_digest,
        .key_agree = key_agree,
        .key_next = key_next,
        .key_destroy = key_destroy,
        .image_geometry = image_geometry,
        .image_erase = image_erase,
        .image_write = image_write,
        .image_read = image_read,
        .image_running = image_running,
        .image_select = image_select,
        .on_event = on_event,
        .flash_geometry = flash_geometry,
        .flash_read = flash_read,
        .flash_program = flash_program,
        .flash_erase = flash_erase,
    };
    return platform;
}
