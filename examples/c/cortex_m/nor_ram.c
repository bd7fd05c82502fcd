/* The flash of nor.h copied to memory when it is opened, for runs that begin anew hundreds of times and keep nothing. */
#include "nor.h"

#include "semihosting.h"

#include <string.h>

static uint8_t made[NOR_SIZE], chip[NOR_SIZE];
static uint32_t operations;

static int inside(uint32_t at, size_t len)
{
    return at <= NOR_SIZE && len <= NOR_SIZE - at;
}

int nor_open(const char *word)
{
    static int loaded;
    if (!loaded) {
        int32_t file = semihosting_open(word, SEMIHOSTING_READ);
        if (file < 0 || semihosting_read(file, made, sizeof made) != 0 || semihosting_close(file) != 0) {
            return -1;
        }
        loaded = 1;
    }
    (void)memcpy(chip, made, sizeof chip);
    operations = 0;
    return 0;
}

int nor_erase(uint32_t at)
{
    if (at % NOR_ERASE_SIZE != 0 || !inside(at, NOR_ERASE_SIZE)) {
        return -1;
    }
    (void)memset(&chip[at], 0xFF, NOR_ERASE_SIZE);
    operations++;
    return 0;
}

int nor_program(uint32_t at, const uint8_t *bytes, size_t len)
{
    if (at % NOR_PROGRAM_SIZE != 0 || len % NOR_PROGRAM_SIZE != 0 || !inside(at, len)) {
        return -1;
    }
    for (size_t i = 0; i < len; i++) {
        if ((bytes[i] & ~chip[at + i]) != 0) {
            return -1;
        }
        chip[at + i] = bytes[i];
    }
    operations++;
    return 0;
}

int nor_read(uint32_t at, uint8_t *out, size_t len)
{
    if (!inside(at, len)) {
        return -1;
    }
    (void)memcpy(out, &chip[at], len);
    return 0;
}

uint32_t nor_operations(void)
{
    return operations;
}
