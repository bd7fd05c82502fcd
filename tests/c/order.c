/* Calls out of order, calls from inside a platform function, platform functions that fail: one reason each, nothing stored. */
#include "check.h"
#include "ram.h"

#include <string.h>

static ram memory;
static aseptic_device device;
static aseptic_identity identity;
static aseptic_sender sender;
static aseptic_update update;
static aseptic_workspace work;
static aseptic_enroller enroller;
static aseptic_opener opener;
static aseptic_peer peer;
static aseptic_list list;
static const aseptic_model model = { .component = { (const uint8_t *)"main", 4 } };
static const aseptic_slice nothing = { (const uint8_t *)"x", 1 };
static unsigned entered;
static aseptic_device twin;
static int making_sender;
/* The kind of the record with the sequence numbers; its two slots are this number twice, and that plus 1. */
enum { SENDER_SEQUENCE = 8 };

/* What firmware must not do: call the library from a platform function, here with everything that is in use. */
static void call_back(void)
{
    uint8_t boot = 7;
    entered++;
    memory.before = NULL;
    CHECK(aseptic_boot_state(&device, &boot) == ASEPTIC_MISUSE && boot == 0);
    CHECK(aseptic_device_set_use(&device, ASEPTIC_USE_IDLE) == ASEPTIC_MISUSE);
    CHECK(aseptic_identity_stage(&device, ASEPTIC_IDENTITY_BIRTH, &boot) == ASEPTIC_MISUSE && boot == 0);
    CHECK(aseptic_agreement_renew(&device, &work) == ASEPTIC_MISUSE);
    CHECK(aseptic_enroller_begin(&device, &work, &enroller) == ASEPTIC_MISUSE);
    CHECK(aseptic_list_step(&device, &list, &boot) == ASEPTIC_MISUSE && boot == 0);
    aseptic_list_wipe(&list);
    /* Also where it lies in the middle of being made. */
    CHECK(aseptic_update_begin(&device, nothing, &model, &update) == ASEPTIC_MISUSE);
    aseptic_update_wipe(&update);
    aseptic_device_wipe(&device);
    /* Nor is what is in use made anew, by way of another device if need be. */
    aseptic_platform platform = ram_platform(&memory);
    CHECK(aseptic_device_init(&device, &platform, NULL) == ASEPTIC_MISUSE);
    if (making_sender) {
        CHECK(aseptic_device_init(&twin, &platform, NULL) == ASEPTIC_OK);
        CHECK(aseptic_sender_init(&twin, &sender) == ASEPTIC_MISUSE);
        aseptic_device_wipe(&twin);
    }
    memory.before = call_back;
}

/* A list of whose header nothing more comes: `ctx` says how often it was asked for. */
static aseptic_status list_read(void *ctx, uint32_t number, uint32_t offset, uint8_t *out, size_t cap, size_t *len)
{
    static const uint8_t head[] = { 0x30, 0x82, 1, 0 };
    unsigned *asked = ctx;
    CHECK(number == 0 && cap >= sizeof head);
    call_back();
    memory.before = NULL;
    *len = offset == 0 ? sizeof head : 0;
    (void)memcpy(out, head, *len);
    return (*asked)++ == 0 ? ASEPTIC_PLATFORM_IO : ASEPTIC_OK;
}

/* Steps before the first and after the last, a step that is tried again, and a list that ends too early. */
static void lists_out_of_order(void)
{
    unsigned asked = 0;
    uint8_t more = 7;
    aseptic_slice name = { (const uint8_t *)"est", 3 };
    aseptic_lists lists = { sizeof lists, 1, &asked, list_read };
    aseptic_list_info info = { .size = sizeof info };
    CHECK(aseptic_list_step(&device, &list, &more) == ASEPTIC_MISUSE && more == 0);
    CHECK(aseptic_list_begin(&lists, 1, NULL, 0, &list) == ASEPTIC_MISUSE);
    CHECK(aseptic_list_begin(&lists, 0, NULL, 0, &list) == ASEPTIC_OK);
    CHECK(aseptic_list_accept(&device, &list, name, &info) == ASEPTIC_MISUSE);
    CHECK(aseptic_peer_verify_listed(&device, ASEPTIC_PURPOSE_NETWORK, name, NULL, 0, &list, 1, &peer) == ASEPTIC_MISUSE);
    CHECK(aseptic_list_step(&device, &list, &more) == ASEPTIC_PLATFORM_IO && more == 0);
    CHECK(aseptic_list_step(&device, &list, &more) == ASEPTIC_OK && more == 1);
    CHECK(aseptic_list_step(&device, &list, &more) == ASEPTIC_CRL_MALFORMED && more == 0);
    CHECK(aseptic_list_step(&device, &list, &more) == ASEPTIC_MISUSE && asked == 3);
    aseptic_list_wipe(&list);
    CHECK(aseptic_list_begin(&lists, 0, NULL, 0, &list) == ASEPTIC_OK);
    CHECK(memory.changes == 0);
}

static void out_of_order(void)
{
    uint8_t room[64];
    aseptic_slice bytes = { room, sizeof room };
    aseptic_buf out = { room, sizeof room, 0 };
    aseptic_message message;
    uint8_t boot;
    uint64_t offset, missing;
    (void)memset(&message, 0, sizeof message);
    (void)memset(room, 0, sizeof room);

    CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_LOCAL, &identity) == ASEPTIC_NOT_PROVISIONED);
    CHECK(aseptic_identity_name(&identity, &out) == ASEPTIC_MISUSE);
    CHECK(aseptic_message_seal(&device, &identity, &sender, &message, &out) == ASEPTIC_MISUSE);
    CHECK(aseptic_trust_update(&device, ASEPTIC_OWNER, bytes) == ASEPTIC_TRUST_MISSING);
    CHECK(aseptic_birth_install(&device, &work, &bytes, 1) == ASEPTIC_NOT_PROVISIONED);
    CHECK(aseptic_enroller_begin(&device, &work, &enroller) == ASEPTIC_OWNER_ROOT_MISSING);
    CHECK(aseptic_opener_init(&device, 1u << ASEPTIC_COMMAND, &opener) == ASEPTIC_MISUSE);
    CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_BIRTH, &identity) == ASEPTIC_NOT_PROVISIONED);
    CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_FALLBACK, &identity) == ASEPTIC_NOT_PROVISIONED);
    CHECK(aseptic_update_step(&device, &update, &boot) == ASEPTIC_MISUSE && boot == 0);
    CHECK(aseptic_update_offset(&update, &offset, &missing) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_feed(&device, &update, bytes) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_finish(&device, &update) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_activate(&device, &update) == ASEPTIC_MISUSE);
    CHECK(aseptic_boot_confirm(&device, 0) == ASEPTIC_NO_UPDATE);
    CHECK(aseptic_boot_state(&device, &boot) == ASEPTIC_OK && boot == ASEPTIC_BOOT_CONFIRMED);
    uint32_t word = 7;
    CHECK(aseptic_boot_verify(&device, &word) == ASEPTIC_PLATFORM_NOT_FOUND && word == 0);
    /* A device that was not told is in use; a number that is none counts as an emergency. */
    for (unsigned use = 1; use < 256; use++) {
        CHECK(aseptic_device_set_use(&device, (uint8_t)use) == ASEPTIC_OK);
    }
    CHECK(memory.changes == 0);
}

static void failing_platform(void)
{
    static const aseptic_status faults[] = {
        ASEPTIC_PLATFORM_UNAVAILABLE, ASEPTIC_PLATFORM_IO, ASEPTIC_PLATFORM_DENIED, ASEPTIC_PLATFORM_CORRUPT, -1, 9999,
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        uint8_t boot = 7;
        memory.fault = faults[i];
        aseptic_status told = faults[i] > 0 && faults[i] < 200 ? faults[i] : ASEPTIC_PLATFORM_IO;
        CHECK(aseptic_boot_state(&device, &boot) == told && boot == 0);
        CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_LOCAL, &identity) != ASEPTIC_OK);
        CHECK(aseptic_sender_init(&device, &sender) != ASEPTIC_OK);
        CHECK(aseptic_boot_confirm(&device, 0) != ASEPTIC_OK);
        CHECK(aseptic_identity_stage(&device, ASEPTIC_IDENTITY_BIRTH, &boot) != ASEPTIC_OK && boot == 0);
        CHECK(aseptic_agreement_renew(&device, &work) != ASEPTIC_OK);
        CHECK(aseptic_opener_init(&device, 1u << ASEPTIC_COMMAND, &opener) != ASEPTIC_OK);
        CHECK(aseptic_enroller_begin(&device, &work, &enroller) != ASEPTIC_OK);
    }
    memory.fault = ASEPTIC_OK;
    CHECK(memory.changes == 0);
}

static void texts(void)
{
    CHECK(aseptic_abi_version() == ASEPTIC_ABI_VERSION);
    CHECK(aseptic_version().len >= 5);
    CHECK(aseptic_status_cause(ASEPTIC_MISUSE).len > 10 && aseptic_status_remedy(ASEPTIC_MISUSE).len > 10);
    CHECK(aseptic_status_blame(ASEPTIC_OK) == 0 && aseptic_status_blame(ASEPTIC_MISUSE) == 3);
    for (int32_t status = -1000; status < 2000; status++) {
        aseptic_slice cause = aseptic_status_cause(status), remedy = aseptic_status_remedy(status);
        CHECK((cause.len == 0) == (remedy.len == 0) && (cause.len == 0) == (aseptic_status_blame(status) == 0));
        CHECK(cause.len == 0 || cause.ptr[cause.len - 1] == '.');
    }
    CHECK(aseptic_status_cause(INT32_MIN).len == 0 && aseptic_status_cause(INT32_MAX).len == 0);
}

/* The record of the sequence numbers rots: the sender says so, and begins a new epoch where it is told to. */
static void numbers_lost(void)
{
    uint8_t *first[2] = { NULL, NULL };
    unsigned copies = 0;
    CHECK(aseptic_sender_init(&device, &sender) == ASEPTIC_OK);
    for (size_t i = 0; i < RAM_SLOTS; i++) {
        if (memory.slots[i].there && memory.slots[i].slot >> 1 == SENDER_SEQUENCE && copies < 2) {
            first[copies] = memory.slots[i].bytes;
            copies++;
        }
    }
    CHECK(copies >= 1);
    for (unsigned i = 0; i < copies; i++) {
        (void)memset(first[i], 0xA5, 16);
    }
    CHECK(aseptic_sender_init(&device, &sender) == ASEPTIC_RECORD_CORRUPT);
    CHECK(aseptic_sender_start_over(&device, &sender) == ASEPTIC_OK);
    CHECK(aseptic_sender_init(&device, &sender) == ASEPTIC_OK);
    CHECK(aseptic_sender_start_over(NULL, &sender) == ASEPTIC_MISUSE);
}

int main(void)
{
    aseptic_platform platform = ram_platform(&memory);
    ram_init(&memory);
    texts();
    CHECK(aseptic_device_init(&device, &platform, NULL) == ASEPTIC_OK);
    out_of_order();
    lists_out_of_order();
    failing_platform();

    memory.before = call_back;
    CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_LOCAL, &identity) == ASEPTIC_NOT_PROVISIONED);
    making_sender = 1;
    CHECK(aseptic_sender_init(&device, &sender) == ASEPTIC_OK);
    making_sender = 0;
    CHECK(aseptic_update_begin(&device, nothing, &model, &update) == ASEPTIC_ENVELOPE_MALFORMED);
    memory.before = NULL;
    CHECK(entered > 4);
    CHECK(aseptic_device_set_use(&device, ASEPTIC_USE_IDLE) == ASEPTIC_OK);

    /* Initialising again is a fresh start, also in the middle of a life. */
    CHECK(aseptic_sender_init(&device, &sender) == ASEPTIC_OK);
    CHECK(aseptic_device_init(&device, &platform, NULL) == ASEPTIC_OK);
    numbers_lost();
    aseptic_sender_wipe(&sender);
    aseptic_sender_wipe(&sender);
    aseptic_device_wipe(&device);
    CHECK(aseptic_sender_init(&device, &sender) == ASEPTIC_MISUSE);
    (void)printf("calls out of order and from inside are refused, %u of them\n", entered);
    return 0;
}
