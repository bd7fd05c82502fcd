/* The whole life of a device (tests/c/life.c) on the board, with each call of the library measured.
 *
 *   life FLASH INPUT OUTPUT     the frames of the other end come from the file INPUT and go to OUTPUT, two named pipes
 *
 * `timed.h` is generated from the header: a macro for each function that returns a status. */
#include "platform_cortex_m.h"
#include "timed.h"
#include "timer.h"

/* At a start the boot loader has already chosen the slot. */
#undef aseptic_device_init
#define aseptic_device_init(...) \
    ((void)board_selection(), timing_begin(), timing_end("aseptic_device_init", (aseptic_device_init)(__VA_ARGS__)))

#define main life
#include "../c/life.c"
#undef main

int main(int count, char **words)
{
    if (count != 4 || freopen(words[2], "rb", stdin) == NULL || freopen(words[3], "wb", stdout) == NULL) {
        return 2;
    }
    timer_open();
    int status = life(2, words);
    timing_print();
    return status;
}
