/* Semihosting (Arm, "Semihosting for AArch32 and AArch64", version 3): the emulator's files, for firmware that runs in QEMU.
 *
 * Only these examples use it, to keep the contents of the flash from one run to the next and to print. A product has none:
 * without a debugger the instruction stops the processor. */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stddef.h>
#include <stdint.h>

enum { SEMIHOSTING_READ = 1, SEMIHOSTING_UPDATE = 3, SEMIHOSTING_CREATE = 7 };

/* Opens a file of the host in one of the modes above ("rb", "r+b", "w+b"); a handle, or below 0. */
int32_t semihosting_open(const char *path, int32_t mode);
/* All of these answer 0, or anything else where not all of it was done. */
int32_t semihosting_close(int32_t file);
int32_t semihosting_seek(int32_t file, uint32_t offset);
int32_t semihosting_read(int32_t file, void *out, size_t len);
int32_t semihosting_write(int32_t file, const void *bytes, size_t len);
/* The words that QEMU was started with, separated by spaces, with a final zero. */
int32_t semihosting_command_line(char *out, size_t cap);
/* The wall clock of the host, in seconds since 1970, and the time that the emulator has run. */
uint32_t semihosting_seconds(void);
uint32_t semihosting_milliseconds(void);
/* Writes text with a final zero to the host's terminal. */
void semihosting_print(const char *text);
/* Ends the emulator with this exit status. */
void semihosting_exit(int32_t status) __attribute__((noreturn));

#endif
