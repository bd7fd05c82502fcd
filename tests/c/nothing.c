/* Every function without what it needs: NULL, misaligned, zeroed. Each answers MISUSE, zeroes its outputs, stores nothing. */
#include "check.h"
#include "ram.h"

#include <string.h>

static ram memory;
static aseptic_device device;
static aseptic_identity identity;
static aseptic_sender sender;
static aseptic_update update;

/* Memory that fits none of the types. */
static uint64_t words[2048];
#define ODD(type) ((type *)(void *)((uint8_t *)words + 1))

static int zeroed(const void *memory_of, size_t len)
{
    const uint8_t *bytes = memory_of;
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0) {
            return 0;
        }
    }
    return 1;
}

/* All functions on one choice of contexts, of which at least one is bad wherever it is used. */
static void refuse(aseptic_device *d, aseptic_identity *i, aseptic_sender *s, aseptic_update *u)
{
    uint8_t room[64];
    aseptic_slice bytes = { room, sizeof room };
    aseptic_message message;
    aseptic_model model;
    aseptic_buf out = { room, sizeof room, 7 };
    uint64_t offset = 7, missing = 7;
    uint8_t boot = 7;
    (void)memset(&message, 0, sizeof message);
    (void)memset(&model, 0, sizeof model);
    (void)memset(room, 7, sizeof room);
    message.message_class = ASEPTIC_TELEMETRY;

    CHECK(aseptic_device_set_use(d, ASEPTIC_USE_IDLE) == ASEPTIC_MISUSE);
    CHECK(aseptic_trust_install(d, ASEPTIC_OWNER, bytes, ASEPTIC_PRESENCE_CONFIRMED) == ASEPTIC_MISUSE);
    CHECK(aseptic_trust_update(d, ASEPTIC_OWNER, bytes) == ASEPTIC_MISUSE);
    CHECK(aseptic_identity_load(d, i) == ASEPTIC_MISUSE);
    CHECK(aseptic_identity_name(i, &out) == ASEPTIC_MISUSE);
    CHECK(out.len == 0 && zeroed(room, sizeof room));
    CHECK(aseptic_sender_init(d, s) == ASEPTIC_MISUSE);
    (void)memset(room, 7, sizeof room);
    out.len = 7;
    CHECK(aseptic_message_seal(d, i, s, &message, &out) == ASEPTIC_MISUSE);
    CHECK(out.len == 0 && zeroed(room, sizeof room));
    CHECK(aseptic_update_begin(d, bytes, &model, u) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_step(d, u, &boot) == ASEPTIC_MISUSE && boot == 0);
    CHECK(aseptic_update_offset(u, &offset, &missing) == ASEPTIC_MISUSE);
    CHECK(offset == 0 && missing == 0);
    CHECK(aseptic_update_feed(d, u, bytes) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_finish(d, u) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_activate(d, u) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_abandon(d) == ASEPTIC_MISUSE);
    CHECK(aseptic_boot_state(d, &boot) == ASEPTIC_MISUSE);
    CHECK(boot == 0);
    CHECK(aseptic_boot_confirm(d, 0) == ASEPTIC_MISUSE);
    CHECK(aseptic_boot_verify(d, &boot) == ASEPTIC_MISUSE && boot == 255);
    aseptic_update_wipe(u);
    aseptic_sender_wipe(s);
    aseptic_identity_wipe(i);
    aseptic_device_wipe(d);
}

/* A device that is ready, and everything else about the call missing. */
static void refuse_arguments(void)
{
    uint8_t room[8] = { 0 };
    aseptic_slice none = { NULL, 1 }, endless = { room, SIZE_MAX }, bytes = { room, sizeof room };
    aseptic_buf out = { room, sizeof room, 0 }, nowhere = { NULL, 1, 7 }, huge = { room, SIZE_MAX, 7 };
    aseptic_model model;
    aseptic_message message;
    uint64_t number = 7;
    (void)memset(&model, 0, sizeof model);
    (void)memset(&message, 0, sizeof message);

    CHECK(aseptic_trust_install(&device, ASEPTIC_OWNER, none, ASEPTIC_PRESENCE_CONFIRMED) == ASEPTIC_MISUSE);
    CHECK(aseptic_trust_install(&device, ASEPTIC_OWNER, endless, ASEPTIC_PRESENCE_CONFIRMED) == ASEPTIC_MISUSE);
    CHECK(aseptic_trust_install(&device, ASEPTIC_OWNER, bytes, 0) == ASEPTIC_MISUSE);
    CHECK(aseptic_trust_install(&device, ASEPTIC_OWNER, bytes, 1) == ASEPTIC_MISUSE);
    CHECK(aseptic_trust_install(&device, 0, bytes, ASEPTIC_PRESENCE_CONFIRMED) == ASEPTIC_MISUSE);
    CHECK(aseptic_trust_install(&device, 3, bytes, ASEPTIC_PRESENCE_CONFIRMED) == ASEPTIC_MISUSE);
    CHECK(aseptic_trust_install(&device, ASEPTIC_OWNER, bytes, ASEPTIC_PRESENCE_CONFIRMED) != ASEPTIC_OK);
    CHECK(aseptic_trust_update(&device, ASEPTIC_OWNER, none) == ASEPTIC_MISUSE);
    CHECK(aseptic_trust_update(&device, 255, bytes) == ASEPTIC_MISUSE);
    CHECK(aseptic_identity_load(&device, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_identity_load(&device, ODD(aseptic_identity)) == ASEPTIC_MISUSE);
    CHECK(aseptic_identity_name(&identity, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_identity_name(&identity, ODD(aseptic_buf)) == ASEPTIC_MISUSE);
    CHECK(aseptic_identity_name(&identity, &nowhere) == ASEPTIC_MISUSE && nowhere.len == 0);
    CHECK(aseptic_identity_name(&identity, &huge) == ASEPTIC_MISUSE && huge.len == 0);
    CHECK(aseptic_sender_init(&device, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_sender_init(&device, ODD(aseptic_sender)) == ASEPTIC_MISUSE);
    CHECK(aseptic_message_seal(&device, &identity, &sender, NULL, &out) == ASEPTIC_MISUSE);
    CHECK(aseptic_message_seal(&device, &identity, &sender, ODD(aseptic_message), &out) == ASEPTIC_MISUSE);
    CHECK(aseptic_message_seal(&device, &identity, &sender, &message, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_begin(&device, bytes, NULL, &update) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_begin(&device, bytes, ODD(aseptic_model), &update) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_begin(&device, none, &model, &update) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_begin(&device, bytes, &model, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_begin(&device, bytes, &model, ODD(aseptic_update)) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_begin(&device, bytes, &model, &update) == ASEPTIC_ENVELOPE_MALFORMED);
    CHECK(aseptic_update_offset(&update, NULL, &number) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_offset(&update, &number, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_offset(&update, &number, &number) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_offset(&update, ODD(uint64_t), &number) == ASEPTIC_MISUSE);
    CHECK(aseptic_boot_state(&device, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_boot_verify(&device, NULL) == ASEPTIC_MISUSE);
    CHECK(zeroed(&identity, sizeof identity) && zeroed(&sender, sizeof sender) && zeroed(&update, sizeof update));
}

int main(void)
{
    aseptic_platform platform = ram_platform(&memory);
    ram_init(&memory);
    CHECK(aseptic_device_init(NULL, &platform, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_device_init(ODD(aseptic_device), &platform, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_device_init(&device, NULL, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_device_init(&device, ODD(aseptic_platform), NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_device_init(&device, &platform, ODD(aseptic_crypto)) == ASEPTIC_MISUSE);
    CHECK(zeroed(&device, sizeof device) && zeroed(words, sizeof words));

    refuse(NULL, NULL, NULL, NULL);
    refuse(&device, &identity, &sender, &update);
    refuse(ODD(aseptic_device), ODD(aseptic_identity), ODD(aseptic_sender), ODD(aseptic_update));
    CHECK(aseptic_device_init(&device, &platform, NULL) == ASEPTIC_OK);
    refuse_arguments();
    /* One context is not another: each sort carries its own mark. */
    CHECK(aseptic_update_abandon((aseptic_device *)(void *)&update) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_finish(&device, (aseptic_update *)(void *)&device) == ASEPTIC_MISUSE);
    CHECK(zeroed(words, sizeof words));
    CHECK(memory.changes == 0);
    aseptic_device_wipe(&device);
    aseptic_device_wipe(&device);
    CHECK(zeroed(&device, sizeof device));
    refuse(&device, &identity, &sender, &update);
    (void)printf("every function refuses NULL, misaligned, zeroed and wiped contexts\n");
    return 0;
}
