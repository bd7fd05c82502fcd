/* A slot image: the application of a pump, as far as updates are concerned. The boot loader has verified and started it.
 *
 * It says what it is and how it came to run, and keeps itself if it is on trial and its self-test passes. IMAGE_VERSION and
 * SELF_TEST are given to the compiler: one image for each release, and one whose self-test fails. */
#include "platform_cortex_m.h"
#include "semihosting.h"

static aseptic_device device;

/* Motor, valves, sensors and alarm of a pump. */
static int self_test(void)
{
    return SELF_TEST;
}

int main(int count, char **words)
{
    static const char *const STATES[] = { "unknown", "confirmed", "on trial", "reverted", "restart needed", "fallback" };
    aseptic_platform platform;
    uint8_t state = 0;
    if (count < 4) {
        return 2;
    }
    aseptic_status status = platform_open(&platform, words[3]);
    if (status == ASEPTIC_OK) {
        status = aseptic_device_init(&device, &platform, NULL);
    }
    if (status == ASEPTIC_OK) {
        status = aseptic_boot_state(&device, &state);
    }
    semihosting_print("release " IMAGE_VERSION ": ");
    semihosting_print(STATES[state <= ASEPTIC_BOOT_FALLBACK ? state : 0]);
    if (status == ASEPTIC_OK && state == ASEPTIC_BOOT_TRIAL) {
        if (self_test() != 0) {
            status = aseptic_boot_confirm(&device, 0);
            semihosting_print(status == ASEPTIC_OK ? ", confirmed" : ", not confirmed");
        } else {
            semihosting_print(", self-test failed");
        }
    }
    semihosting_print("\n");
    aseptic_device_wipe(&device);
    return status == ASEPTIC_OK ? 0 : 1;
}
