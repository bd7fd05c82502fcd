/* The outbox over a lossy serial line: messages wait in flash until the record has said, signed, that it has them.
 *
 *   outbox FOLDER put alarm|telemetry TEXT    queue one message
 *   outbox FOLDER run                         send and hear, over standard output and input, until nothing waits
 *
 * On the line each frame ends with 0xC0 (SLIP, RFC 1055). Whatever is lost or changed there is told by the messages themselves,
 * so frames need no check of their own. An empty frame ends a turn; the other side then answers with one frame, a report, or
 * an empty one. The exit status is 0 for done, 1 for a refusal, 2 for misuse, 3 for a line on which nothing gets through. */
#include "platform.h"

#include <stdio.h>
#include <string.h>

enum { END = 0xC0, ESC = 0xDB, ESC_END = 0xDC, ESC_ESC = 0xDD, CAPACITY = 16, ROOM = 16384, TURNS = 200 };

static const char RECORD[] = "record-adapter-1";
static aseptic_device device;
static aseptic_identity identity;
static aseptic_sender sender;
static aseptic_outbox outbox;
static uint8_t room[ROOM];

static aseptic_slice text(const char *string)
{
    aseptic_slice slice = { (const uint8_t *)string, strlen(string) };
    return slice;
}

static void put_frame(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == END || bytes[i] == ESC) {
            (void)putchar(ESC);
        }
        (void)putchar(bytes[i] == END ? ESC_END : bytes[i] == ESC ? ESC_ESC : bytes[i]);
    }
    (void)putchar(END);
}

/* The next frame; empty if there is none, or one that is too long. On a board a timeout ends the wait as well. */
static aseptic_slice get_frame(void)
{
    aseptic_slice frame = { room, 0 };
    int escaped = 0;
    for (int byte = getchar(); byte != EOF && byte != END; byte = getchar()) {
        if (escaped != 0 && (byte == ESC_END || byte == ESC_ESC)) {
            byte = byte == ESC_END ? END : ESC;
        } else if (byte == ESC) {
            escaped = 1;
            continue;
        }
        escaped = 0;
        if (frame.len < sizeof room) {
            room[frame.len] = (uint8_t)byte;
        }
        frame.len++;
    }
    frame.len = frame.len <= sizeof room ? frame.len : 0;
    return frame;
}

/* One turn: all that is to be sent, then what the record says. */
static aseptic_status turn(void)
{
    aseptic_settled settled;
    aseptic_status status;
    for (;;) {
        aseptic_buf out = { room, sizeof room, 0 };
        status = aseptic_outbox_next(&device, &sender, &outbox, text(RECORD), &out);
        if (status != ASEPTIC_OK || out.len == 0) {
            break;
        }
        put_frame(out.ptr, out.len);
    }
    put_frame(NULL, 0);
    (void)fflush(stdout);
    if (status != ASEPTIC_OK) {
        return status;
    }
    aseptic_slice report = get_frame();
    if (report.len == 0 || aseptic_outbox_settle(&device, &identity, &outbox, text(RECORD), report, &settled) != ASEPTIC_OK) {
        /* Nothing heard that is to be believed: what has no receipt goes out again. */
        return aseptic_outbox_retry(&outbox);
    }
    return settled.stored == 0 && settled.again == 0 ? aseptic_outbox_retry(&outbox) : ASEPTIC_OK;
}

static int run(void)
{
    static const uint8_t CLASSES[] = { ASEPTIC_ALARM, ASEPTIC_AUDIT, ASEPTIC_TELEMETRY };
    for (unsigned turns = 0; turns < TURNS; turns++) {
        uint32_t waiting = 0;
        for (size_t i = 0; i < sizeof CLASSES; i++) {
            uint32_t count;
            if (aseptic_outbox_count(&outbox, CLASSES[i], &count) != ASEPTIC_OK) {
                return 2;
            }
            waiting += count;
        }
        if (waiting == 0) {
            return 0;
        }
        if (turn() != ASEPTIC_OK) {
            return 1;
        }
    }
    return 3;
}

static int put(const char *what, const char *body)
{
    aseptic_message message = { .message_class = ASEPTIC_TELEMETRY, .recipient = text(RECORD),
                                .content_type = text("text/plain"), .body = text(body) };
    if (strcmp(what, "alarm") == 0) {
        message.message_class = ASEPTIC_ALARM;
    }
    /* ASEPTIC_OUTBOX_FULL: nobody will hear of it in time, so the device alarms by itself. It does so in any case until
     * somebody is known to listen. */
    return aseptic_outbox_put(&device, &identity, &sender, &outbox, &message, NULL) == ASEPTIC_OK ? 0 : 1;
}

int main(int count, char **words)
{
    aseptic_platform platform;
    int result = 2;
    if (count < 3 || aseptic_abi_version() != ASEPTIC_ABI_VERSION || platform_open(&platform, words[1]) != ASEPTIC_OK) {
        return 2;
    }
    if (aseptic_device_init(&device, &platform, NULL) != ASEPTIC_OK
        || aseptic_identity_load(&device, ASEPTIC_IDENTITY_LOCAL, &identity) != ASEPTIC_OK
        || aseptic_sender_init(&device, &sender) != ASEPTIC_OK
        || aseptic_outbox_init(&device, CAPACITY, &outbox) != ASEPTIC_OK) {
        result = 1;
    } else if (strcmp(words[2], "put") == 0 && count == 5) {
        result = put(words[3], words[4]);
    } else if (strcmp(words[2], "run") == 0) {
        result = run();
    }
    aseptic_outbox_wipe(&outbox);
    aseptic_sender_wipe(&sender);
    aseptic_identity_wipe(&identity);
    aseptic_device_wipe(&device);
    return result;
}
