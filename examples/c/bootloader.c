/* A boot loader, built on the boot shape of the library: it starts the image that may run, and takes updates over a serial line.
 *
 *   bootloader FLASH boot      start the image that was selected, if it is what was confirmed or is on trial
 *   bootloader FLASH update    the same with the service button held: ask the serial line for an update before
 *
 * Further words are for the image that is started.
 *
 * Whoever confirms an image is the image itself, after its self-test (cortex_m/application.c). Until then the next reset
 * starts the old one again.
 *
 * The serial line. The boot loader asks, the other end answers; numbers are big endian.
 *
 *   ?            which update?                    two bytes of length, the SUIT envelope
 *   @<number>    image from this byte on          frames: two bytes of length, so many bytes; one of length 0 ends
 *   +            frame taken, the next one
 *   =<number>    the end; a status of aseptic.h, 0 for an update that is staged and selected
 */
#include "platform_cortex_m.h"
#include "semihosting.h"
#include "uart.h"

#include <string.h>

enum { ENVELOPE_SIZE = 4096, FRAME_SIZE = 1024, NOTHING_TO_START = 3 };

/* The vendor `pumps.example` and its class `infusion-pump`, UUIDs of version 5 (RFC 9562). */
static const aseptic_model MODEL = {
    .vendor = { 0xa3, 0x03, 0xe9, 0x5d, 0xc0, 0x7f, 0x5d, 0x48, 0xb2, 0xcc, 0x77, 0x81, 0x2b, 0x6a, 0x57, 0xe7 },
    .device_class = { 0x7e, 0xb1, 0x10, 0x62, 0x2b, 0xf5, 0x5e, 0x39, 0x97, 0x78, 0x00, 0x18, 0x1a, 0xd2, 0xb3, 0x3d },
    .component = { (const uint8_t *)"main", 4 },
};

static aseptic_device device;

/* Writes `mark`, a number in decimal and the end of the line. */
static void say(void (*out)(const char *), const char *mark, uint32_t number)
{
    char digits[12] = { 0 };
    size_t at = sizeof digits - 2;
    digits[at] = '\n';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    out(mark);
    out(&digits[at]);
}

/* Receives a length and as many bytes. */
static aseptic_status receive(uint8_t *out, size_t cap, size_t *len)
{
    uint8_t head[2];
    *len = 0;
    if (uart_read(head, sizeof head) != 0) {
        return ASEPTIC_PLATFORM_UNAVAILABLE;
    }
    size_t announced = (size_t)head[0] << 8 | head[1];
    if (announced > cap) {
        return ASEPTIC_TOO_LARGE;
    }
    *len = announced;
    return uart_read(out, announced) == 0 ? ASEPTIC_OK : ASEPTIC_PLATFORM_UNAVAILABLE;
}

/* What is done in bounded parts: a boot loader with a watchdog would feed it here. */
static aseptic_status steps(aseptic_update *update)
{
    aseptic_status status = ASEPTIC_OK;
    uint8_t more = 1;
    while (status == ASEPTIC_OK && more != 0) {
        status = aseptic_update_step(&device, update, &more);
    }
    return status;
}

/* Asks for the image from the byte on that the library wants, and feeds it. */
static aseptic_status stream(aseptic_update *update)
{
    static uint8_t frame[FRAME_SIZE];
    uint64_t offset;
    uint64_t missing;
    aseptic_slice bytes = { frame, 1 };
    aseptic_status status = aseptic_update_offset(update, &offset, &missing);
    if (status == ASEPTIC_OK) {
        say(uart_write, "@", (uint32_t)offset);
    }
    while (status == ASEPTIC_OK && bytes.len != 0) {
        status = receive(frame, sizeof frame, &bytes.len);
        if (status == ASEPTIC_OK && bytes.len != 0) {
            status = aseptic_update_feed(&device, update, bytes);
            uart_write("+");
        }
    }
    return status;
}

/* From the envelope to the selection for one trial boot. After a reset in the middle the same call goes on where it was. */
static aseptic_status take_update(void)
{
    static uint8_t envelope[ENVELOPE_SIZE];
    static aseptic_update update;
    aseptic_slice bytes = { envelope, 0 };
    uart_write("?");
    aseptic_status status = receive(envelope, sizeof envelope, &bytes.len);
    if (status == ASEPTIC_OK) {
        status = aseptic_update_begin(&device, bytes, &MODEL, &update);
    }
    if (status == ASEPTIC_OK) {
        status = steps(&update);
    }
    if (status == ASEPTIC_OK) {
        status = stream(&update);
    }
    if (status == ASEPTIC_OK) {
        status = aseptic_update_finish(&device, &update);
    }
    if (status == ASEPTIC_OK) {
        status = steps(&update);
    }
    if (status == ASEPTIC_OK) {
        status = aseptic_update_activate(&device, &update);
    }
    aseptic_update_wipe(&update);
    say(uart_write, "=", (uint32_t)status);
    return status;
}

/* Starts what may run; returns only if nothing may. The word of the library is looked at again after each thing that a
 * disturbance of the supply could have skipped: only two words start something, and they differ in every bit. */
static aseptic_status start(void)
{
    volatile uint32_t word;
    uint32_t found;
    aseptic_status status = aseptic_boot_verify(&device, &found);
    word = found;
    if (status == ASEPTIC_OK && word != ASEPTIC_START_A && word != ASEPTIC_START_B) {
        status = ASEPTIC_SLOT_MISMATCH;
    }
    uint8_t slot = word == ASEPTIC_START_A ? 0 : 1;
    if (status == ASEPTIC_OK) {
        status = board_fall_back(slot);
    }
    if (status == ASEPTIC_OK && word == (slot == 0 ? ASEPTIC_START_A : ASEPTIC_START_B)) {
        aseptic_device_wipe(&device);
        semihosting_print(slot == 0 ? "boot loader: slot A\n" : "boot loader: slot B\n");
        board_start(slot);
        status = ASEPTIC_PLATFORM_IO;
    }
    return status;
}

int main(int count, char **words)
{
    aseptic_platform platform;
    if (count < 3 || aseptic_abi_version() != ASEPTIC_ABI_VERSION) {
        return 2;
    }
    aseptic_status status = platform_open(&platform, words[1]);
    if (status == ASEPTIC_OK) {
        status = board_selection();
    }
    if (status == ASEPTIC_OK) {
        status = aseptic_device_init(&device, &platform, NULL);
    }
    /* No therapy runs before the application does. */
    if (status == ASEPTIC_OK) {
        status = aseptic_device_set_use(&device, ASEPTIC_USE_IDLE);
    }
    if (status == ASEPTIC_OK && strcmp(words[2], "update") == 0) {
        uart_open();
        if (take_update() == ASEPTIC_OK) {
            board_reset();
        }
        /* Refused or interrupted: what was there before still runs. */
    }
    if (status == ASEPTIC_OK) {
        status = start();
    }
    /* Where a pump would light its fault lamp: there is nothing that may run. */
    say(semihosting_print, "boot loader: nothing to start, status ", (uint32_t)status);
    return NOTHING_TO_START;
}
