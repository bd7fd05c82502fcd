/* A NOR flash, kept in a file of the emulator's host so that it outlives a run.
 *
 * It is as strict as the chip: erasing sets whole units to 0xFF, programming clears bits and is refused where it would have to
 * set one, reading reads what is in the file. Named `FILE@12`, it loses its power at the twelfth erasure or program
 * operation: half of that one is done, and the emulator ends with the status NOR_POWER_CUT. */
#ifndef NOR_H
#define NOR_H

#include <stddef.h>
#include <stdint.h>

enum { NOR_SIZE = 0x80000, NOR_ERASE_SIZE = 4096, NOR_PROGRAM_SIZE = 8, NOR_POWER_CUT = 99 };

/* Opens the file, which has NOR_SIZE bytes. All of these answer 0, or -1 where the chip reports an error. */
int nor_open(const char *word);
int nor_erase(uint32_t at);
int nor_program(uint32_t at, const uint8_t *bytes, size_t len);
int nor_read(uint32_t at, uint8_t *out, size_t len);
/* Erasures and program operations since the start. */
uint32_t nor_operations(void);

#endif
