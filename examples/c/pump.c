/* An infusion pump, seen from its connectivity task: it loads its identity, seals an observation for the hospital's record
 * adapter, and takes an update.
 *
 *   pump FOLDER seal OUT            seal one observation into the file OUT
 *   pump FOLDER update ENV IMAGE    verify the envelope ENV, stage IMAGE, select it for a trial boot
 *   pump FOLDER boot                after a restart: say what runs, and keep it if it is on trial
 *
 * The exit status is 0 for done, 1 for a refusal (the reason is printed), 2 for misuse. */
#include "platform.h"

#include <stdio.h>
#include <string.h>

enum { ENVELOPE_SIZE = 16384, SEALED_SIZE = 16384, CHUNK = 4096 };

static const char RECIPIENT[] = "record-adapter-1";
static const char CONTENT_TYPE[] = "x-application/hl7-v2+er7";
static const char OBSERVATION[] =
    "MSH|^~\\&|PUMP|WARD-3|RECORD|HOSPITAL|20260101120000||ORU^R01^ORU_R01|1|P|2.6\r"
    "PID|||4711^^^HOSPITAL\r"
    "OBR|1|||69985^MDC_DEV_PUMP_INFUS_VMD^MDC\r"
    "OBX|1|NM|157784^MDC_FLOW_FLUID_PUMP^MDC|1.2.3.4|2.5|265266^MDC_DIM_MILLI_L_PER_HR^MDC|||||R\r";

/* The vendor `pumps.example` and its class `infusion-pump`, UUIDs of version 5 (RFC 9562). */
static const aseptic_model MODEL = {
    .vendor = { 0xa3, 0x03, 0xe9, 0x5d, 0xc0, 0x7f, 0x5d, 0x48, 0xb2, 0xcc, 0x77, 0x81, 0x2b, 0x6a, 0x57, 0xe7 },
    .device_class = { 0x7e, 0xb1, 0x10, 0x62, 0x2b, 0xf5, 0x5e, 0x39, 0x97, 0x78, 0x00, 0x18, 0x1a, 0xd2, 0xb3, 0x3d },
    .component = { (const uint8_t *)"main", 4 },
};

static aseptic_slice text(const char *string)
{
    aseptic_slice slice = { (const uint8_t *)string, strlen(string) };
    return slice;
}

static int refused(const char *what, aseptic_status status)
{
    aseptic_slice cause = aseptic_status_cause(status);
    aseptic_slice remedy = aseptic_status_remedy(status);
    (void)fprintf(stderr, "%s: %.*s (E%d)\n%.*s\n", what, (int)cause.len, (const char *)cause.ptr, (int)status,
                  (int)remedy.len, (const char *)remedy.ptr);
    return 1;
}

static int seal(aseptic_device *device, const char *path)
{
    static uint8_t room[SEALED_SIZE];
    aseptic_identity identity = { { 0 } };
    aseptic_sender sender = { { 0 } };
    aseptic_message message = { .message_class = ASEPTIC_TELEMETRY, .recipient = text(RECIPIENT),
                                .content_type = text(CONTENT_TYPE), .body = text(OBSERVATION) };
    aseptic_buf out = { room, sizeof room, 0 };

    aseptic_status status = aseptic_identity_load(device, ASEPTIC_IDENTITY_LOCAL, &identity);
    if (status == ASEPTIC_OK) {
        status = aseptic_sender_init(device, &sender);
    }
    if (status == ASEPTIC_OK) {
        status = aseptic_message_seal(device, &identity, &sender, &message, &out);
    }
    aseptic_sender_wipe(&sender);
    aseptic_identity_wipe(&identity);
    if (status != ASEPTIC_OK) {
        return refused("seal", status);
    }

    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        return 2;
    }
    size_t written = fwrite(out.ptr, 1, out.len, file);
    (void)fclose(file);
    (void)printf("sealed %lu bytes of HL7 in %lu\n", (unsigned long)message.body.len, (unsigned long)out.len);
    return written == out.len ? 0 : 2;
}

/* Feeds the image from the byte where the library wants to go on. */
static aseptic_status stream(aseptic_device *device, aseptic_update *update, FILE *image)
{
    static uint8_t chunk[CHUNK];
    uint64_t offset;
    uint64_t missing;
    aseptic_status status = aseptic_update_offset(update, &offset, &missing);
    if (status != ASEPTIC_OK || fseek(image, (long)offset, SEEK_SET) != 0) {
        return status == ASEPTIC_OK ? ASEPTIC_PLATFORM_IO : status;
    }
    for (;;) {
        aseptic_slice bytes = { chunk, fread(chunk, 1, sizeof chunk, image) };
        if (bytes.len == 0) {
            return ASEPTIC_OK;
        }
        status = aseptic_update_feed(device, update, bytes);
        if (status != ASEPTIC_OK) {
            return status;
        }
    }
}

/* Reads back what lies in the slot. A pump with other work would do that between two steps. */
static aseptic_status steps(aseptic_device *device, aseptic_update *update)
{
    aseptic_status status = ASEPTIC_OK;
    uint8_t more = 1;
    while (status == ASEPTIC_OK && more != 0) {
        status = aseptic_update_step(device, update, &more);
    }
    return status;
}

static int take_update(aseptic_device *device, const char *envelope_path, const char *image_path)
{
    static uint8_t envelope[ENVELOPE_SIZE];
    aseptic_update update = { { 0 } };
    FILE *file = fopen(envelope_path, "rb");
    FILE *image = fopen(image_path, "rb");
    aseptic_status status = ASEPTIC_PLATFORM_NOT_FOUND;
    if (file != NULL && image != NULL) {
        aseptic_slice bytes = { envelope, fread(envelope, 1, sizeof envelope, file) };
        status = aseptic_update_begin(device, bytes, &MODEL, &update);
        if (status == ASEPTIC_OK) {
            status = steps(device, &update);
        }
        if (status == ASEPTIC_OK) {
            status = stream(device, &update, image);
        }
        if (status == ASEPTIC_OK) {
            status = aseptic_update_finish(device, &update);
        }
        if (status == ASEPTIC_OK) {
            status = steps(device, &update);
        }
        if (status == ASEPTIC_OK) {
            status = aseptic_update_activate(device, &update);
        }
    }
    aseptic_update_wipe(&update);
    if (file != NULL) {
        (void)fclose(file);
    }
    if (image != NULL) {
        (void)fclose(image);
    }
    if (status != ASEPTIC_OK) {
        return refused("update", status);
    }
    (void)printf("staged; restart for the trial boot\n");
    return 0;
}

static int boot(aseptic_device *device)
{
    static const char *const WHAT[] = { "unknown", "confirmed", "on trial", "reverted", "restart needed", "fallback" };
    uint8_t state;
    aseptic_status status = aseptic_boot_state(device, &state);
    if (status == ASEPTIC_OK) {
        (void)printf("running image: %s\n", WHAT[state <= ASEPTIC_BOOT_FALLBACK ? state : 0]);
        /* The self-test of the pump belongs here: an image that fails it is not kept. */
        if (state == ASEPTIC_BOOT_TRIAL) {
            status = aseptic_boot_confirm(device, 0);
        }
    }
    return status == ASEPTIC_OK ? 0 : refused("boot", status);
}

int main(int count, char **words)
{
    static aseptic_device device;
    aseptic_platform platform;
    if (count < 3 || aseptic_abi_version() != ASEPTIC_ABI_VERSION) {
        return 2;
    }
    aseptic_status status = platform_open(&platform, words[1]);
    if (status == ASEPTIC_OK) {
        status = aseptic_device_init(&device, &platform, NULL);
    }
    if (status != ASEPTIC_OK) {
        return refused("start", status);
    }
    int result = 2;
    if (strcmp(words[2], "seal") == 0 && count == 4) {
        result = seal(&device, words[3]);
    } else if (strcmp(words[2], "update") == 0 && count == 5) {
        /* The therapy task says when no patient depends on the pump; here nobody does. */
        status = aseptic_device_set_use(&device, ASEPTIC_USE_IDLE);
        result = status == ASEPTIC_OK ? take_update(&device, words[3], words[4]) : refused("use", status);
    } else if (strcmp(words[2], "boot") == 0) {
        result = boot(&device);
    }
    aseptic_device_wipe(&device);
    return result;
}
