/* Output buffers, on the device whose folder is given: it has an identity and knows a record adapter. */
#include "check.h"
#include "platform.h"

#include <string.h>

enum { ROOM = 16384 };

static aseptic_platform platform;
static aseptic_device device;
static aseptic_identity identity;
static aseptic_sender sender;
static uint8_t room[ROOM];
static aseptic_status (*save)(void *, uint16_t, const uint8_t *, size_t);
static unsigned saves;

static aseptic_status counted_save(void *ctx, uint16_t slot, const uint8_t *bytes, size_t len)
{
    saves++;
    return save(ctx, slot, bytes, len);
}

static const aseptic_slice good_name = { (const uint8_t *)"station-1", 9 };

static aseptic_slice text(const char *string)
{
    aseptic_slice slice = { (const uint8_t *)string, strlen(string) };
    return slice;
}

static int all(uint8_t value, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (room[i] != value) {
            return 0;
        }
    }
    return 1;
}

static aseptic_status seal(const aseptic_message *message, aseptic_buf *out)
{
    return aseptic_message_seal(&device, &identity, &sender, message, out);
}

/* Refused with `status`: the room is zeroed and nothing is stored. */
static void refused(const aseptic_message *message, aseptic_status status)
{
    aseptic_buf out = { room, ROOM, 7 };
    unsigned before = saves;
    (void)memset(room, 0xEE, ROOM);
    CHECK(seal(message, &out) == status);
    CHECK(out.len == 0 && all(0, 0, ROOM) && saves == before);
}

static void sizes(const aseptic_message *message)
{
    aseptic_buf out = { NULL, 0, 7 };
    unsigned before = saves;
    CHECK(seal(message, &out) == ASEPTIC_BUFFER_TOO_SMALL);
    size_t needed = out.len;
    CHECK(needed > message->body.len && needed <= ROOM);
    for (size_t cap = 1; cap < needed; cap += cap < 64 ? 1 : 997) {
        out.ptr = room;
        out.cap = cap;
        (void)memset(room, 0xEE, ROOM);
        CHECK(seal(message, &out) == ASEPTIC_BUFFER_TOO_SMALL);
        CHECK(out.len == needed && all(0, 0, cap) && all(0xEE, cap, ROOM));
    }
    CHECK(saves == before);
    out.cap = needed;
    CHECK(seal(message, &out) == ASEPTIC_OK);
    CHECK(out.len > message->body.len && out.len <= needed);
    CHECK(all(0, out.len, needed) && all(0xEE, needed, ROOM));
    CHECK(saves > before);
}

static void names(void)
{
    aseptic_buf out = { NULL, 0, 7 };
    CHECK(aseptic_identity_name(&identity, &out) == ASEPTIC_BUFFER_TOO_SMALL && out.len == 9);
    (void)memset(room, 0xEE, ROOM);
    out.ptr = room;
    out.cap = 8;
    CHECK(aseptic_identity_name(&identity, &out) == ASEPTIC_BUFFER_TOO_SMALL && out.len == 9);
    CHECK(all(0, 0, 8) && all(0xEE, 8, ROOM));
    out.cap = 9;
    CHECK(aseptic_identity_name(&identity, &out) == ASEPTIC_OK && out.len == 9);
    CHECK(memcmp(room, "PUMP-0001", 9) == 0 && all(0xEE, 9, ROOM));
}

/* Memory that is passed twice is refused before it is written to. */
static void overlaps(const aseptic_message *good)
{
    aseptic_message message = *good;
    aseptic_buf out = { room, ROOM, 7 };
    (void)memset(room, 'x', ROOM);
    message.body.ptr = room + ROOM - 1;
    message.body.len = 1;
    CHECK(seal(&message, &out) == ASEPTIC_MISUSE && out.len == 0 && all('x', 0, ROOM));
    message = *good;
    message.recipient.ptr = room;
    CHECK(seal(&message, &out) == ASEPTIC_MISUSE && all('x', 0, ROOM));
    out.ptr = (uint8_t *)&sender;
    out.cap = sizeof sender;
    CHECK(seal(good, &out) == ASEPTIC_MISUSE);
    out.ptr = (uint8_t *)&device + 8;
    out.cap = 64;
    CHECK(seal(good, &out) == ASEPTIC_MISUSE);
    out.ptr = (uint8_t *)&message;
    out.cap = sizeof message;
    CHECK(seal(&message, &out) == ASEPTIC_MISUSE);
    out.ptr = (uint8_t *)&out;
    out.cap = sizeof out;
    CHECK(seal(good, &out) == ASEPTIC_MISUSE);
    out.ptr = (uint8_t *)&identity;
    out.cap = sizeof identity;
    CHECK(aseptic_identity_name(&identity, &out) == ASEPTIC_MISUSE);
}

/* Outputs and new contexts that lie in a context: nothing is written, and it goes on. */
static void contexts(void)
{
    static aseptic_update update;
    static aseptic_model model = { .component = { (const uint8_t *)"main", 4 } };
    uint8_t *inside = (uint8_t *)&device + sizeof device / 2;
    aseptic_slice bytes = { (const uint8_t *)&update + 64, 16 };
    CHECK(aseptic_boot_state(&device, inside) == ASEPTIC_MISUSE);
    CHECK(aseptic_boot_verify(&device, (uint32_t *)(void *)inside) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_step(&device, &update, inside) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_offset(&update, (uint64_t *)(void *)&update, (uint64_t *)(void *)inside) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_deferral(&device, (uint32_t *)(void *)inside, (uint64_t *)(void *)&update) == ASEPTIC_MISUSE);
    CHECK(aseptic_sender_init(&device, (aseptic_sender *)(void *)inside) == ASEPTIC_MISUSE);
    CHECK(aseptic_sender_start_over(&device, (aseptic_sender *)(void *)inside) == ASEPTIC_MISUSE);
    CHECK(aseptic_link_init(&device, good_name, (aseptic_link *)(void *)inside) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_begin(&device, bytes, &model, &update) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_begin(&device, good_name, (aseptic_model *)(void *)&update, &update) == ASEPTIC_MISUSE);
    uint8_t boot;
    CHECK(aseptic_boot_state(&device, &boot) == ASEPTIC_OK);
}

/* Storage that was copied to other hardware: what was loaded before that came out speaks for it no more. */
static void other_hardware(const aseptic_message *good, aseptic_buf *out)
{
    static aseptic_session session;
    static aseptic_outbox outbox;
    aseptic_message offer = *good;
    offer.body.len = 0;
    CHECK(aseptic_session_offer(&device, &identity, &sender, &offer, &session, out) == ASEPTIC_OK);
    CHECK(aseptic_outbox_init(&device, 4, &outbox) == ASEPTIC_OK);
    CHECK(aseptic_identity_check_hardware(&device, text("board 2")) == ASEPTIC_HARDWARE_MISMATCH);
    CHECK(seal(good, out) == ASEPTIC_HARDWARE_MISMATCH);
    CHECK(aseptic_session_offer(&device, &identity, &sender, &offer, &session, out) == ASEPTIC_HARDWARE_MISMATCH);
    CHECK(aseptic_session_seal(&device, &session, good->body, out) == ASEPTIC_HARDWARE_MISMATCH);
    CHECK(aseptic_outbox_put(&device, &identity, &sender, &outbox, good, NULL) == ASEPTIC_HARDWARE_MISMATCH);
    CHECK(aseptic_outbox_next(&device, &sender, &outbox, good->recipient, out) == ASEPTIC_HARDWARE_MISMATCH);
    CHECK(aseptic_countersignature_add(&device, &identity, good->body, out) == ASEPTIC_HARDWARE_MISMATCH);
    CHECK(aseptic_identity_check_hardware(&device, text("board 1")) == ASEPTIC_OK);
    CHECK(aseptic_session_seal(&device, &session, good->body, out) == ASEPTIC_OK);
    aseptic_outbox_wipe(&outbox);
    aseptic_session_wipe(&session);
}

int main(int count, char **words)
{
    static uint8_t large[65537];
    static const uint8_t latin[] = { 't', '/', 0xE4 };
    aseptic_message good, message;
    (void)memset(&good, 0, sizeof good);
    good.message_class = ASEPTIC_ALARM;
    good.stream = 1;
    good.recipient = text("record-adapter-1");
    good.content_type = text("text/plain");
    good.body = text("occlusion");

    CHECK(count == 2);
    CHECK(platform_open(&platform, words[1]) == ASEPTIC_OK);
    save = platform.store_save;
    platform.store_save = counted_save;
    CHECK(aseptic_device_init(&device, &platform, NULL) == ASEPTIC_OK);
    CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_LOCAL, &identity) == ASEPTIC_OK);
    CHECK(aseptic_sender_init(&device, &sender) == ASEPTIC_OK);
    names();
    sizes(&good);
    overlaps(&good);

    message = good;
    message.recipient = text("record-adapter-2");
    refused(&message, ASEPTIC_NO_PURPOSE);
    message = good;
    message.recipient.len = 0;
    refused(&message, ASEPTIC_NO_PURPOSE);
    for (unsigned class = 0; class < 256; class++) {
        message = good;
        message.message_class = (uint8_t)class;
        if (class < ASEPTIC_TELEMETRY || class > ASEPTIC_AUDIT) {
            refused(&message, ASEPTIC_MESSAGE_CLASS);
        }
    }
    for (size_t i = 0; i < sizeof good.reserved; i++) {
        message = good;
        message.reserved[i] = 1;
        refused(&message, ASEPTIC_MISUSE);
    }
    message = good;
    message.content_type.ptr = latin;
    message.content_type.len = sizeof latin;
    refused(&message, ASEPTIC_MISUSE);
    message = good;
    message.stream = 4;
    refused(&message, ASEPTIC_MISUSE);
    message = good;
    message.body.ptr = NULL;
    refused(&message, ASEPTIC_MISUSE);
    message.body.len = 0;
    aseptic_buf out = { room, ROOM, 0 };
    CHECK(seal(&message, &out) == ASEPTIC_OK && out.len > 0);

    static uint8_t wide[200000];
    message.body.ptr = large;
    message.body.len = sizeof large;
    out.ptr = wide;
    out.cap = sizeof wide;
    CHECK(seal(&message, &out) == ASEPTIC_TOO_LARGE && out.len == 0);
    message.body.len = sizeof large - 1;
    CHECK(seal(&message, &out) == ASEPTIC_OK && out.len > sizeof large);

    /* A session: offered, sealed in, and never for what is no observation. */
    static aseptic_session session;
    uint32_t number = 0;
    message = good;
    message.body.len = 0;
    out.cap = 0;
    CHECK(aseptic_session_offer(&device, &identity, &sender, &message, &session, &out) == ASEPTIC_BUFFER_TOO_SMALL);
    out.cap = out.len;
    CHECK(aseptic_session_offer(&device, &identity, &sender, &good, &session, &out) == ASEPTIC_MISUSE);
    CHECK(aseptic_session_number(&session, &number) == ASEPTIC_MISUSE);
    out.cap = sizeof wide;
    CHECK(aseptic_session_offer(&device, &identity, &sender, &message, &session, &out) == ASEPTIC_OK && out.len > 0);
    CHECK(aseptic_session_number(&session, &number) == ASEPTIC_OK);
    CHECK(aseptic_session_seal(&device, &session, good.body, &out) == ASEPTIC_OK);
    CHECK(out.len > good.body.len && out.len <= good.body.len + 37);
    message.message_class = ASEPTIC_COMMAND;
    CHECK(aseptic_session_offer(&device, &identity, &sender, &message, &session, &out) == ASEPTIC_MESSAGE_CLASS);
    CHECK(aseptic_session_seal(&device, &session, good.body, &out) == ASEPTIC_OK);
    aseptic_session_wipe(&session);
    CHECK(aseptic_session_seal(&device, &session, good.body, &out) == ASEPTIC_MISUSE);

    contexts();
    other_hardware(&good, &out);
    aseptic_sender_wipe(&sender);
    CHECK(seal(&good, &out) == ASEPTIC_MISUSE);
    aseptic_identity_wipe(&identity);
    aseptic_device_wipe(&device);
    (void)printf("size queries change nothing, errors leave zeros, overlaps are refused\n");
    return 0;
}
