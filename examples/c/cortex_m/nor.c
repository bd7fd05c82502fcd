#include "nor.h"

#include "semihosting.h"

#include <string.h>

enum { PAGE = 256, PATH_SIZE = 256 };

static int32_t chip = -1;
static uint32_t operations, cut;

static int inside(uint32_t at, size_t len)
{
    return at <= NOR_SIZE && len <= NOR_SIZE - at;
}

static int put(uint32_t at, const uint8_t *bytes, size_t len)
{
    return semihosting_seek(chip, at) == 0 && semihosting_write(chip, bytes, len) == 0 ? 0 : -1;
}

/* Writes `len` bytes; in the operation at which the power fails only the first half of them, which ends the emulator. */
static int put_or_die(uint32_t at, const uint8_t *bytes, size_t len)
{
    operations++;
    if (operations == cut) {
        (void)put(at, bytes, len / 2);
        semihosting_exit(NOR_POWER_CUT);
    }
    return put(at, bytes, len);
}

int nor_open(const char *word)
{
    char path[PATH_SIZE];
    const char *at = strchr(word, '@');
    size_t len = at == NULL ? strlen(word) : (size_t)(at - word);
    if (len >= sizeof path) {
        return -1;
    }
    (void)memcpy(path, word, len);
    path[len] = '\0';
    for (cut = 0; at != NULL && at[1] >= '0' && at[1] <= '9'; at++) {
        cut = cut * 10 + (uint32_t)(at[1] - '0');
    }
    operations = 0;
    chip = semihosting_open(path, SEMIHOSTING_UPDATE);
    return chip < 0 ? -1 : 0;
}

int nor_erase(uint32_t at)
{
    static uint8_t erased[NOR_ERASE_SIZE];
    if (at % NOR_ERASE_SIZE != 0 || !inside(at, NOR_ERASE_SIZE)) {
        return -1;
    }
    (void)memset(erased, 0xFF, sizeof erased);
    return put_or_die(at, erased, sizeof erased);
}

static int program_page(uint32_t at, const uint8_t *bytes, size_t len)
{
    uint8_t there[PAGE];
    if (nor_read(at, there, len) != 0) {
        return -1;
    }
    for (size_t i = 0; i < len; i++) {
        if ((bytes[i] & ~there[i]) != 0) {
            return -1;
        }
    }
    return put_or_die(at, bytes, len);
}

int nor_program(uint32_t at, const uint8_t *bytes, size_t len)
{
    int failed = 0;
    if (at % NOR_PROGRAM_SIZE != 0 || len % NOR_PROGRAM_SIZE != 0 || !inside(at, len)) {
        failed = -1;
    }
    while (failed == 0 && len > 0) {
        size_t part = len < PAGE - at % PAGE ? len : PAGE - at % PAGE;
        failed = program_page(at, bytes, part);
        at += (uint32_t)part;
        bytes += part;
        len -= part;
    }
    return failed;
}

int nor_read(uint32_t at, uint8_t *out, size_t len)
{
    return inside(at, len) && semihosting_seek(chip, at) == 0 && semihosting_read(chip, out, len) == 0 ? 0 : -1;
}

uint32_t nor_operations(void)
{
    return operations;
}
