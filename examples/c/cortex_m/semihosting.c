#include "semihosting.h"

#include <string.h>

enum { OPEN = 0x01, CLOSE = 0x02, WRITE0 = 0x04, WRITE = 0x05, READ = 0x06, SEEK = 0x0A, CLOCK = 0x10, TIME = 0x11, COMMAND_LINE = 0x15, EXIT_EXTENDED = 0x20 };

/* "The application exited", as opposed to one of the ways in which it can crash. */
static const uint32_t APPLICATION_EXIT = 0x20026;

static int32_t call(uint32_t operation, const void *parameter)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = parameter;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}

int32_t semihosting_open(const char *path, int32_t mode)
{
    const uint32_t block[3] = { (uint32_t)(uintptr_t)path, (uint32_t)mode, (uint32_t)strlen(path) };
    return call(OPEN, block);
}

int32_t semihosting_close(int32_t file)
{
    const uint32_t block[1] = { (uint32_t)file };
    return call(CLOSE, block);
}

int32_t semihosting_seek(int32_t file, uint32_t offset)
{
    const uint32_t block[2] = { (uint32_t)file, offset };
    return call(SEEK, block);
}

int32_t semihosting_read(int32_t file, void *out, size_t len)
{
    const uint32_t block[3] = { (uint32_t)file, (uint32_t)(uintptr_t)out, (uint32_t)len };
    return call(READ, block);
}

int32_t semihosting_write(int32_t file, const void *bytes, size_t len)
{
    const uint32_t block[3] = { (uint32_t)file, (uint32_t)(uintptr_t)bytes, (uint32_t)len };
    return call(WRITE, block);
}

int32_t semihosting_command_line(char *out, size_t cap)
{
    const uint32_t block[2] = { (uint32_t)(uintptr_t)out, (uint32_t)cap };
    return call(COMMAND_LINE, block);
}

uint32_t semihosting_seconds(void)
{
    return (uint32_t)call(TIME, NULL);
}

uint32_t semihosting_milliseconds(void)
{
    return (uint32_t)call(CLOCK, NULL) * 10u;
}

void semihosting_print(const char *text)
{
    (void)call(WRITE0, text);
}

void semihosting_exit(int32_t status)
{
    const uint32_t block[2] = { APPLICATION_EXIT, (uint32_t)status };
    for (;;) {
        (void)call(EXIT_EXTENDED, block);
    }
}
