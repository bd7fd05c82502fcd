/* The pump with its therapy: a loop of 1 ms in an interrupt, while the library works, and while its platform fails, blocks and
 * lies below it.
 *
 *   therapy FLASH ENVELOPE IMAGE faults    in turn every entry of the platform goes wrong; missed deadlines are counted
 *   therapy FLASH ENVELOPE IMAGE once      the same without a fault
 *   therapy FLASH ENVELOPE IMAGE times     the longest time of each call, in instructions
 *
 * The loop never calls the library and never waits for it: nothing that it reads is
 * written by anybody else. A timer that has nothing to do with its interrupt says whether it came in time. The exit status is 0 if no deadline was missed.
 *
 * Under `-icount shift=N` an instruction takes 2^N nanoseconds of virtual time, so that each run is the same to the tick. */
#include "faults.h"
#include "platform_cortex_m.h"
#include "timer.h"

#include <stdio.h>
#include <string.h>

enum { ENVELOPE_SIZE = 4096, IMAGE_ROOM = 0x20000, CHUNK = 1024, BODY_SIZE = 1024, SEALED_SIZE = 16384, LATE = TIMER_PER_MS / 20 };

static const aseptic_model MODEL = {
    .vendor = { 0xa3, 0x03, 0xe9, 0x5d, 0xc0, 0x7f, 0x5d, 0x48, 0xb2, 0xcc, 0x77, 0x81, 0x2b, 0x6a, 0x57, 0xe7 },
    .device_class = { 0x7e, 0xb1, 0x10, 0x62, 0x2b, 0xf5, 0x5e, 0x39, 0x97, 0x78, 0x00, 0x18, 0x1a, 0xd2, 0xb3, 0x3d },
    .component = { (const uint8_t *)"main", 4 },
};

/* The therapy: what the interrupt alone writes, and the main program reads. */
static volatile uint32_t steps, missed, longest, last, micrometres;

/* One step of the motor: a proportional controller, in whole numbers. Then the watch over its own deadline. */
void systick_handler(void)
{
    uint32_t now = timer_now(), since = now - last;
    uint32_t wanted = steps / 100u;
    micrometres += (wanted - micrometres) / 4u + 1u;
    last = now;
    steps++;
    if (since > longest) {
        longest = since;
    }
    if (since > TIMER_PER_MS + LATE) {
        missed += (since + TIMER_PER_MS / 2) / TIMER_PER_MS - 1 + (since < TIMER_PER_MS * 3 / 2 ? 1 : 0);
    }
}

static void therapy_start(void)
{
    static volatile uint32_t *const CONTROL = (volatile uint32_t *)0xE000E010u;
    static volatile uint32_t *const RELOAD = (volatile uint32_t *)0xE000E014u;
    static volatile uint32_t *const CURRENT = (volatile uint32_t *)0xE000E018u;
    *RELOAD = TIMER_PER_MS - 1;
    *CURRENT = 0;
    last = timer_now();
    /* On, with its interrupt, from the clock of the processor, which runs at the timer's 25 MHz. */
    *CONTROL = 7;
}

/* The longest time of each call. */
typedef struct {
    const char *name;
    uint32_t ticks;
    aseptic_status status;
} timing;
static timing timings[32];

static aseptic_status note(const char *name, uint32_t ticks, aseptic_status status)
{
    timing *entry = timings;
    while (entry->name != NULL && strcmp(entry->name, name) != 0) {
        entry++;
    }
    entry->name = name;
    if (ticks > entry->ticks) {
        entry->ticks = ticks;
    }
    entry->status = status;
    return status;
}

static uint32_t begun;

/* Deadlines that nobody may miss are missed where a call masks interrupts. The self-check build does that around each of them,
 * and must be told. */
#ifdef MASKED
#define MASK() __asm__ volatile("cpsid i" ::: "memory")
#define UNMASK() __asm__ volatile("cpsie i" ::: "memory")
#else
#define MASK() (void)0
#define UNMASK() (void)0
#endif

static aseptic_status ended(const char *name, aseptic_status status)
{
    uint32_t ticks = timer_now() - begun;
    UNMASK();
    return note(name, ticks, status);
}

static void begin(void)
{
    MASK();
    begun = timer_now();
}

#define TIMED(function, arguments) (begin(), ended(#function, function arguments))

static uint8_t envelope[ENVELOPE_SIZE], image[IMAGE_ROOM];
static size_t envelope_len, image_len;
static const char *flash;
static aseptic_device device;
static aseptic_platform platform;

static aseptic_slice text(const char *string)
{
    aseptic_slice slice = { (const uint8_t *)string, strlen(string) };
    return slice;
}

static aseptic_status start(void)
{
    aseptic_status status = platform_open(&platform, flash);
    faults_wrap(&platform);
    if (status == ASEPTIC_OK) {
        status = TIMED(aseptic_device_init, (&device, &platform, NULL));
    }
    return status == ASEPTIC_OK ? TIMED(aseptic_device_set_use, (&device, ASEPTIC_USE_IDLE)) : status;
}

static aseptic_status seal(void)
{
    static uint8_t body[BODY_SIZE], room[SEALED_SIZE];
    static aseptic_identity identity;
    static aseptic_sender sender;
    aseptic_message message = { .message_class = ASEPTIC_TELEMETRY, .recipient = text("record-adapter-1"),
                                .content_type = text("x-application/hl7-v2+er7"), .body = { body, sizeof body } };
    aseptic_buf out = { room, sizeof room, 0 };
    aseptic_status status = TIMED(aseptic_identity_load, (&device, ASEPTIC_IDENTITY_LOCAL, &identity));
    if (status == ASEPTIC_OK) {
        status = TIMED(aseptic_sender_init, (&device, &sender));
    }
    if (status == ASEPTIC_OK) {
        status = TIMED(aseptic_message_seal, (&device, &identity, &sender, &message, &out));
    }
    aseptic_sender_wipe(&sender);
    aseptic_identity_wipe(&identity);
    return status;
}

static aseptic_status step(aseptic_update *update)
{
    aseptic_status status = ASEPTIC_OK;
    /* Twice as often as the image can need: a platform that lies must not hold the program for ever either. */
    uint8_t more = 1;
    for (uint32_t i = 0; status == ASEPTIC_OK && more != 0 && i < 2 * IMAGE_ROOM / CHUNK; i++) {
        status = TIMED(aseptic_update_step, (&device, update, &more));
    }
    return status;
}

static aseptic_status take_update(void)
{
    static aseptic_update update;
    aseptic_slice signed_manifest = { envelope, envelope_len };
    uint64_t offset = 0, missing = 0;
    aseptic_status status = TIMED(aseptic_update_begin, (&device, signed_manifest, &MODEL, &update));
    if (status == ASEPTIC_OK) {
        status = step(&update);
    }
    if (status == ASEPTIC_OK) {
        status = TIMED(aseptic_update_offset, (&update, &offset, &missing));
    }
    for (size_t at = (size_t)offset; status == ASEPTIC_OK && at < image_len; at += CHUNK) {
        aseptic_slice part = { &image[at], image_len - at < CHUNK ? image_len - at : CHUNK };
        status = TIMED(aseptic_update_feed, (&device, &update, part));
    }
    if (status == ASEPTIC_OK) {
        status = TIMED(aseptic_update_finish, (&device, &update));
    }
    if (status == ASEPTIC_OK) {
        status = step(&update);
    }
    if (status == ASEPTIC_OK) {
        status = TIMED(aseptic_update_activate, (&device, &update));
    }
    aseptic_update_wipe(&update);
    return status;
}

/* What the boot loader and the new image do after the reset. */
static aseptic_status restart(void)
{
    uint32_t start;
    uint8_t state;
    aseptic_status status = board_selection();
    if (status == ASEPTIC_OK) {
        status = TIMED(aseptic_boot_verify, (&device, &start));
    }
    if (status == ASEPTIC_OK) {
        status = TIMED(aseptic_boot_state, (&device, &state));
    }
    return status == ASEPTIC_OK ? TIMED(aseptic_boot_confirm, (&device, 0)) : status;
}

/* The life of a pump, as far as the platform lets it go. One part that is refused does not keep the next from being tried. */
static aseptic_status live(void)
{
    aseptic_status status = start(), sealed = ASEPTIC_OK;
    if (status == ASEPTIC_OK) {
        sealed = seal();
        status = take_update();
    }
    if (status == ASEPTIC_OK) {
        status = restart();
    }
    aseptic_device_wipe(&device);
    return sealed == ASEPTIC_OK ? status : sealed;
}

static void faults(void)
{
    uint32_t lives = 0, complete = 0;
    for (uint32_t entry = 0; entry < FAULTS_ENTRIES; entry++) {
        for (uint32_t kind = 0; kind < FAULTS_KINDS * 2; kind++) {
            faults_choose(entry, kind / 2, (int)(kind % 2));
            complete += live() == ASEPTIC_OK ? 1 : 0;
            lives++;
        }
    }
    (void)printf("therapy: %lu lives, %lu of them complete, %lu calls of the platform went wrong\n", (unsigned long)lives,
                 (unsigned long)complete, (unsigned long)faults_met());
}

static void times(void)
{
    for (const timing *entry = timings; entry->name != NULL; entry++) {
        (void)printf("time %s %lu %ld\n", entry->name, (unsigned long)entry->ticks, (long)entry->status);
    }
}

static size_t load(const char *path, uint8_t *out, size_t cap)
{
    FILE *file = fopen(path, "rb");
    size_t len = file == NULL ? 0 : fread(out, 1, cap, file);
    if (file != NULL) {
        (void)fclose(file);
    }
    return len;
}

int main(int count, char **words)
{
    if (count != 5) {
        return 2;
    }
    flash = words[1];
    envelope_len = load(words[2], envelope, sizeof envelope);
    image_len = load(words[3], image, sizeof image);
    timer_open();
    if (strcmp(words[4], "times") != 0) {
        therapy_start();
    }
    faults_choose(FAULTS_ENTRIES, FAULTS_FAIL, 0);
    aseptic_status status = live();
    if (status != ASEPTIC_OK) {
        (void)printf("the life without a fault ended with %ld\n", (long)status);
        return 1;
    }
    if (strcmp(words[4], "times") == 0) {
        times();
        return 0;
    }
    if (strcmp(words[4], "faults") == 0) {
        faults();
    }
    (void)printf("therapy: %lu steps, longest interval %lu us, %lu deadlines missed\n", (unsigned long)steps,
                 (unsigned long)(longest / (TIMER_PER_MS / 1000)), (unsigned long)missed);
    return missed == 0 ? 0 : 1;
}
