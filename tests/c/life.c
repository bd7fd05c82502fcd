/* The whole life of a device by C functions alone, on the folder that is given. Factory, hospital and author sit at the other
 * end of standard input and output. */
#include "frames.h"
#include "platform.h"

#include <string.h>

static aseptic_platform platform;
static aseptic_device device;
static aseptic_workspace work;
static aseptic_identity birth, local;
static aseptic_peer registrar, server;
static aseptic_list list[2];
static aseptic_list_info info = { .size = sizeof info };
static aseptic_enroller enroller;
static aseptic_sender sender;
static aseptic_opener opener;
static aseptic_ticket ticket;
static aseptic_update update;
static uint8_t room[2 * ROOM];

static const char SERVER[] = "est.hospital.example";
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

static int same(aseptic_slice slice, const char *string)
{
    return slice.len == strlen(string) && memcmp(slice.ptr, string, slice.len) == 0;
}

static uint8_t stage(uint8_t which)
{
    uint8_t found = 7;
    CHECK(aseptic_identity_stage(&device, which, &found) == ASEPTIC_OK);
    return found;
}

/* Power comes on. */
static void start(void)
{
    uint32_t destroyed;
    CHECK(aseptic_device_init(&device, &platform, NULL) == ASEPTIC_OK);
    CHECK(aseptic_identity_tidy(&device, &work, &destroyed) == ASEPTIC_OK && destroyed == 0);
}

static void factory(void)
{
    uint8_t trust;
    uint64_t version, seconds;
    aseptic_slice chain[CHAIN];
    aseptic_buf out = { room, ROOM, 0 }, small = { room, 1023, 0 };
    static const uint8_t type[] = { 0x2B, 0x06, 0x01, 0x04, 0x01, 0x83, 0xBD, 0x1F, 0x01 };
    aseptic_device_name name = { text("PUMP-0001"), { type, sizeof type }, text("board 1"),
                                 text("(01)09521234543213(21)0001") };

    CHECK(stage(ASEPTIC_IDENTITY_BIRTH) == ASEPTIC_STAGE_BLANK);
    CHECK(aseptic_udi_check(name.udi, &out) == ASEPTIC_OK);
    CHECK(out.len == 44 && memcmp(room, "https://id.gs1.org/01/09521234543213/21/0001", 44) == 0);
    CHECK(aseptic_trust_version(&device, ASEPTIC_MANUFACTURER, &version) == ASEPTIC_TRUST_MISSING);
    aseptic_slice store = hear(0);
    CHECK(aseptic_trust_install(&device, ASEPTIC_MANUFACTURER, store, ASEPTIC_PRESENCE_CONFIRMED) == ASEPTIC_OK);
    CHECK(aseptic_trust_version(&device, ASEPTIC_MANUFACTURER, &version) == ASEPTIC_OK && version == 1);
    CHECK(aseptic_time_now(&device, &seconds, &trust) == ASEPTIC_OK);
    CHECK(seconds > 1767225600u && trust == ASEPTIC_TIME_AT_LEAST);

    CHECK(aseptic_birth_request(&device, &work, &name, &small) == ASEPTIC_BUFFER_TOO_SMALL && small.len == 1024);
    CHECK(stage(ASEPTIC_IDENTITY_BIRTH) == ASEPTIC_STAGE_BLANK);
    CHECK(aseptic_birth_request(&device, &work, &name, &out) == ASEPTIC_OK);
    (void)memcpy(room + ROOM, room, out.len);
    size_t length = out.len;
    CHECK(aseptic_birth_request(&device, &work, &name, &out) == ASEPTIC_OK && out.len == length);
    CHECK(memcmp(room + ROOM, room, length) == 0 && stage(ASEPTIC_IDENTITY_BIRTH) == ASEPTIC_STAGE_REQUESTED);
    CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_BIRTH, &birth) == ASEPTIC_NOT_PROVISIONED);
    tell(room, length);
    size_t count = hear_chain(chain);
    CHECK(aseptic_birth_install(&device, &work, chain + 1, count - 1) != ASEPTIC_OK);
    CHECK(aseptic_birth_install(&device, &work, chain, count) == ASEPTIC_OK);
    CHECK(aseptic_birth_install(&device, &work, chain, count) == ASEPTIC_ALREADY_PROVISIONED);
    CHECK(stage(ASEPTIC_IDENTITY_BIRTH) == ASEPTIC_STAGE_ACTIVE);
    CHECK(stage(ASEPTIC_IDENTITY_LOCAL) == ASEPTIC_STAGE_BLANK);

    aseptic_slice digest = hear(0);
    uint32_t word;
    CHECK(aseptic_boot_verify(&device, &word) == ASEPTIC_PLATFORM_NOT_FOUND && word == 0);
    CHECK(aseptic_boot_provision(&device, digest, 4097, 1) == ASEPTIC_SLOT_MISMATCH);
    CHECK(aseptic_boot_provision(&device, digest, 4096, 1) == ASEPTIC_OK);
    CHECK(aseptic_boot_provision(&device, digest, 4096, 1) == ASEPTIC_ALREADY_PROVISIONED);
    CHECK(aseptic_boot_verify(&device, &word) == ASEPTIC_OK && word == ASEPTIC_START_A);
}

/* The device proves in a handshake with `peer` that it is `identity`: the other end checks it. */
static void prove(aseptic_identity *identity, aseptic_peer *peer)
{
    aseptic_slice digest = hear(0);
    aseptic_buf out = { room, 72, 0 };
    uint32_t index = 0;
    CHECK(aseptic_identity_sign(&device, identity, peer, digest, &out) == ASEPTIC_OK);
    tell(room, out.len);
    for (;; index++) {
        out.cap = ROOM;
        aseptic_status status = aseptic_identity_certificate(&device, identity, index, &out);
        if (status == ASEPTIC_PLATFORM_NOT_FOUND) {
            break;
        }
        CHECK(status == ASEPTIC_OK);
        tell(room, out.len);
    }
    CHECK(index > 0);
    tell(NULL, 0);
}

/* What runs out: the roots, and both certificates of the device. */
static void inventory(void)
{
    aseptic_inventory_item item;
    uint32_t place = 0, anchors = 0, own = 0, lists = 0;
    uint64_t since = 0, epoch = 0;
    item.size = (uint32_t)sizeof item;
    do {
        CHECK(aseptic_inventory_next(&device, &work, &info, 1, &place, &item) == ASEPTIC_OK);
        if (item.kind == ASEPTIC_INVENTORY_ANCHOR) {
            anchors++;
            CHECK(item.purposes != 0 && item.name_len != 0 && item.days_left > 0);
        }
        if (item.kind == ASEPTIC_INVENTORY_OWN) {
            own++;
            CHECK(item.purposes == 0 && item.name_len == 9 && memcmp(item.name, "PUMP-0001", 9) == 0);
            CHECK(item.serial_len != 0 && item.not_after > item.not_before && item.time_trust != ASEPTIC_TIME_UNKNOWN);
        }
        if (item.kind == ASEPTIC_INVENTORY_LIST) {
            lists++;
            CHECK(item.serial_len == 20 && item.serial[19] == 2 && item.days_left == 6 && item.name_len == 0);
        }
    } while (item.kind != ASEPTIC_INVENTORY_END);
    CHECK(anchors >= 2 && own == 2 && lists == 1 && place >= 5);
    CHECK(aseptic_inventory_warn(&device, &work, &info, 1, &since) == ASEPTIC_OK && since > 1767225600u);
    CHECK(aseptic_trust_epoch(&device, &epoch) == ASEPTIC_OK && epoch >= 2);
}

/* The lists that this firmware keeps. */
static aseptic_status list_read(void *ctx, uint32_t list, uint32_t offset, uint8_t *out, size_t cap, size_t *len)
{
    const aseptic_slice *kept = (const aseptic_slice *)ctx + list;
    size_t left = offset < kept->len ? kept->len - offset : 0;
    *len = left < cap ? left : cap;
    (void)memcpy(out, kept->ptr + offset, *len);
    return ASEPTIC_OK;
}

/* Reads a list for the chain of this leaf, in as many steps as it takes. */
static void read_list(const aseptic_lists *table, uint32_t number, aseptic_slice leaf, aseptic_list *whole)
{
    uint8_t more = 7;
    unsigned steps = 0;
    CHECK(aseptic_list_begin(table, number, &leaf, 1, whole) == ASEPTIC_OK);
    CHECK(aseptic_peer_verify_listed(&device, ASEPTIC_PURPOSE_NETWORK, text(SERVER), &leaf, 1, whole, 1, &server)
          == ASEPTIC_MISUSE);
    do {
        CHECK(aseptic_list_step(&device, whole, &more) == ASEPTIC_OK);
        steps++;
    } while (more != 0);
    CHECK(steps == 1 + (((const aseptic_slice *)table->ctx)[number].len + 511) / 512);
    CHECK(aseptic_list_step(&device, whole, &more) == ASEPTIC_OK && more == 0);
}

/* What is said about the leaf: so many things, the last of them this. */
static void finds(uint8_t purpose, const char *name, aseptic_slice leaf, size_t lists, uint32_t count, aseptic_status last)
{
    aseptic_finding finding;
    (void)memset(&finding, 7, sizeof finding);
    finding.size = (uint32_t)sizeof finding;
    for (uint32_t index = 0; index <= count; index++) {
        aseptic_status before = finding.reason;
        CHECK(aseptic_peer_finding(&device, purpose, text(name), &leaf, 1, list, lists, index, &finding) == ASEPTIC_OK);
        CHECK((finding.reason == ASEPTIC_OK) == (index == count) && (finding.field.len == 0) == (index == count));
        CHECK(index != count || count == 0 || before == last);
        CHECK(finding.wanted.len <= sizeof finding.wanted.bytes && finding.found.len <= sizeof finding.found.bytes);
    }
}

/* The registrar's certificate, its issuer, and three lists: number 2 with nobody on it, 1, and 3 that revokes it. */
static void lists(aseptic_slice leaf)
{
    aseptic_slice issuer = hear(1), kept[2] = { hear(2), hear(3) };
    aseptic_lists table = { sizeof table, 2, kept, list_read };
    aseptic_status flag = ASEPTIC_OK;
    aseptic_buf out = { room, ROOM, 0 };
    uint8_t more;

    CHECK(aseptic_list_begin(&table, 2, NULL, 0, &list[0]) == ASEPTIC_MISUSE);
    CHECK(aseptic_list_step(&device, &list[0], &more) == ASEPTIC_MISUSE && more == 0);
    CHECK(aseptic_list_begin(&table, 0, NULL, 0, &list[0]) == ASEPTIC_OK);
    CHECK(aseptic_list_accept(&device, &list[0], issuer, &info) == ASEPTIC_MISUSE && info.entries == 0);
    read_list(&table, 0, leaf, &list[0]);
    CHECK(aseptic_peer_verify_listed(&device, ASEPTIC_PURPOSE_NETWORK, text(SERVER), &leaf, 1, list, 1, &server) == ASEPTIC_OK);
    finds(ASEPTIC_PURPOSE_NETWORK, SERVER, leaf, 1, 0, ASEPTIC_OK);
    finds(ASEPTIC_PURPOSE_NETWORK, "other.example", leaf, 0, 1, ASEPTIC_NAME_MISMATCH);
    CHECK(aseptic_list_accept(&device, &list[0], leaf, &info) == ASEPTIC_SIGNATURE_INVALID);
    CHECK(aseptic_list_accept(&device, &list[0], issuer, &info) == ASEPTIC_OK);
    CHECK(info.entries == 0 && info.number[19] == 2 && info.age == ASEPTIC_LIST_FRESH && info.next_update > info.this_update);
    /* What is older does not come back, and says nothing. */
    read_list(&table, 1, leaf, &list[1]);
    aseptic_list_info older = { .size = sizeof older };
    CHECK(aseptic_list_accept(&device, &list[1], issuer, &older) == ASEPTIC_CRL_ROLLBACK && older.number[19] == 0);
    /* A device may enrol all the same, with a flag. */
    CHECK(aseptic_peer_verify_listed(&device, ASEPTIC_PURPOSE_ENROLMENT, text(SERVER), &leaf, 1, &list[1], 1, &registrar)
          == ASEPTIC_OK);
    CHECK(aseptic_peer_degraded(&registrar, &flag) == ASEPTIC_OK && flag == ASEPTIC_REVOCATION_UNKNOWN);
    /* A list that was read for another chain says nothing about this one, and neither does none at all. */
    aseptic_list_wipe(&list[1]);
    read_list(&table, 0, issuer, &list[1]);
    CHECK(aseptic_peer_verify_listed(&device, ASEPTIC_PURPOSE_ENROLMENT, text(SERVER), &leaf, 1, &list[1], 1, &registrar)
          == ASEPTIC_OK);
    CHECK(aseptic_peer_degraded(&registrar, &flag) == ASEPTIC_OK && flag == ASEPTIC_REVOCATION_UNKNOWN);
    kept[1] = hear(3);
    read_list(&table, 1, leaf, &list[1]);
    CHECK(aseptic_peer_verify_listed(&device, ASEPTIC_PURPOSE_ENROLMENT, text(SERVER), &leaf, 1, list, 2, &registrar)
          == ASEPTIC_CERTIFICATE_REVOKED);
    finds(ASEPTIC_PURPOSE_ENROLMENT, SERVER, leaf, 2, 1, ASEPTIC_CERTIFICATE_REVOKED);
    aseptic_list_wipe(&list[0]);
    aseptic_list_wipe(&list[1]);
    CHECK(aseptic_list_step(&device, &list[1], &more) == ASEPTIC_MISUSE);
    CHECK(aseptic_certificate_import(issuer, 0, &out) == ASEPTIC_OK);
    CHECK(out.len == issuer.len && memcmp(room, issuer.ptr, out.len) == 0);
    CHECK(aseptic_certificate_import(issuer, 1, &out) == ASEPTIC_OK && out.len == 0);
}

static void enrolment(void)
{
    aseptic_slice chain[CHAIN];
    aseptic_enrol_action action;
    aseptic_status flag = ASEPTIC_MISUSE;
    aseptic_buf out = { room, ROOM, 0 };

    CHECK(aseptic_enroller_begin(&device, &work, &enroller) == ASEPTIC_OWNER_ROOT_MISSING);
    aseptic_slice store = hear(0);
    CHECK(aseptic_trust_install(&device, ASEPTIC_OWNER, store, ASEPTIC_PRESENCE_CONFIRMED) == ASEPTIC_OK);
    CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_LOCAL, &local) == ASEPTIC_KEY_WRONG_USE);
    CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_BIRTH, &birth) == ASEPTIC_OK);

    size_t count = hear_chain(chain);
    CHECK(aseptic_peer_verify(&device, ASEPTIC_PURPOSE_NETWORK, text("other.example"), chain, count, &server)
          == ASEPTIC_NAME_MISMATCH);
    CHECK(aseptic_peer_verify(&device, ASEPTIC_COMMAND, text("est"), chain, count, &server) != ASEPTIC_OK);
    CHECK(aseptic_peer_verify(&device, ASEPTIC_PURPOSE_NETWORK, text(SERVER), chain, count, &server) == ASEPTIC_OK);
    CHECK(aseptic_peer_verify(&device, ASEPTIC_PURPOSE_ENROLMENT, text(SERVER), chain, count, &registrar) == ASEPTIC_OK);
    CHECK(count == 1);
    lists(chain[0]);
    CHECK(aseptic_peer_verify(&device, ASEPTIC_PURPOSE_NETWORK, text(SERVER), chain, count, &server) == ASEPTIC_OK);
    CHECK(aseptic_peer_verify(&device, ASEPTIC_PURPOSE_ENROLMENT, text(SERVER), chain, count, &registrar) == ASEPTIC_OK);
    CHECK(aseptic_peer_degraded(&registrar, &flag) == ASEPTIC_OK && flag == ASEPTIC_OK);
    CHECK(aseptic_peer_name(&registrar, &out) == ASEPTIC_OK && out.len > 0);
    CHECK(aseptic_identity_sign(&device, &birth, &server, text("0123456789abcdef0123456789abcdef"), &out)
          == ASEPTIC_KEY_WRONG_USE);
    CHECK(aseptic_identity_sign(&device, &birth, &registrar, text("short"), &out) == ASEPTIC_MISUSE);
    prove(&birth, &registrar);

    CHECK(aseptic_enroller_begin(&device, &work, &enroller) == ASEPTIC_OK);
    CHECK(stage(ASEPTIC_IDENTITY_SUCCESSOR) == ASEPTIC_STAGE_KEYED);
    CHECK(aseptic_enroller_step(&device, &work, &enroller, NULL, NULL, &action) == ASEPTIC_OK);
    unsigned waits = 0;
    while (action.kind != ASEPTIC_ENROL_DONE) {
        aseptic_est_answer answer = { 202, 0, { NULL, 0 }, text("7"), { NULL, 0 }, { NULL, 0, 0 } };
        if (action.kind == ASEPTIC_ENROL_WAIT) {
            CHECK(action.wait_seconds == 7 && waits++ == 0);
            CHECK(aseptic_enroller_step(&device, &work, &enroller, NULL, NULL, &action) == ASEPTIC_OK);
            continue;
        }
        CHECK(action.kind == ASEPTIC_ENROL_REQUEST);
        /* Between a request and its answer the identity is needed for the connection. */
        CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_BIRTH, &birth) == ASEPTIC_OK);
        CHECK(aseptic_identity_certificate(&device, &birth, 0, &out) == ASEPTIC_OK);
        if (same(action.method, "POST") && waits == 0) {
            /* Nobody but the registrar answers. */
            CHECK(aseptic_enroller_step(&device, &work, &enroller, &answer, &server, &action) == ASEPTIC_NO_PURPOSE);
            CHECK(aseptic_enroller_step(&device, &work, &enroller, &answer, NULL, &action) == ASEPTIC_MISUSE);
            CHECK(action.kind == 0);
            CHECK(aseptic_enroller_step(&device, &work, &enroller, &answer, &registrar, &action) == ASEPTIC_OK);
            continue;
        }
        CHECK(action.authority.len == 0);
        if (same(action.path, "/.well-known/est/csrattrs")) {
            /* This registrar has no wishes. */
            answer.status = 204;
            CHECK(aseptic_enroller_step(&device, &work, &enroller, &answer, &registrar, &action) == ASEPTIC_OK);
            CHECK(stage(ASEPTIC_IDENTITY_SUCCESSOR) == ASEPTIC_STAGE_PENDING);
            continue;
        }
        tell(action.path.ptr, action.path.len);
        tell(action.body.ptr, action.body.len);
        aseptic_slice body = hear(0);
        answer.status = 200;
        /* What is read must not lie where the step writes. */
        answer.content_type.ptr = (const uint8_t *)&work;
        answer.content_type.len = 8;
        answer.body.ptr = frames[0];
        answer.body.cap = ROOM;
        CHECK(aseptic_enroller_step(&device, &work, &enroller, &answer, &registrar, &action) == ASEPTIC_MISUSE);
        answer.content_type = text("application/pkcs7-mime");
        answer.body.ptr = frames[0];
        answer.body.cap = ROOM;
        answer.body.len = body.len;
        CHECK(aseptic_enroller_step(&device, &work, &enroller, &answer, &registrar, &action) == ASEPTIC_OK);
    }
    tell(NULL, 0);
    CHECK(waits == 1 && aseptic_enroller_step(&device, &work, &enroller, NULL, NULL, &action) == ASEPTIC_MISUSE);
    aseptic_enroller_wipe(&enroller);

    CHECK(stage(ASEPTIC_IDENTITY_LOCAL) == ASEPTIC_STAGE_PROBATION);
    CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_FALLBACK, &local) == ASEPTIC_KEY_WRONG_USE);
    CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_LOCAL, &local) == ASEPTIC_OK);
    CHECK(aseptic_identity_name(&local, &out) == ASEPTIC_OK && out.len == 9 && memcmp(room, "PUMP-0001", 9) == 0);
    prove(&local, &server);
    CHECK(aseptic_identity_confirm(&device, &work, &birth, &server) == ASEPTIC_KEY_WRONG_USE);
    CHECK(stage(ASEPTIC_IDENTITY_LOCAL) == ASEPTIC_STAGE_PROBATION);
    CHECK(aseptic_identity_confirm(&device, &work, &local, &server) == ASEPTIC_OK);
    CHECK(aseptic_identity_confirm(&device, &work, &local, &server) == ASEPTIC_OK);
    CHECK(stage(ASEPTIC_IDENTITY_LOCAL) == ASEPTIC_STAGE_ACTIVE);
    CHECK(stage(ASEPTIC_IDENTITY_SUCCESSOR) == ASEPTIC_STAGE_BLANK);
    inventory();
    aseptic_peer_wipe(&server);
    aseptic_peer_wipe(&registrar);
    CHECK(aseptic_identity_confirm(&device, &work, &local, &server) == ASEPTIC_MISUSE);
}

static void messages(void)
{
    aseptic_buf out = { room, sizeof room, 0 };
    aseptic_opened opened;
    aseptic_message message;
    (void)memset(&message, 0, sizeof message);
    message.message_class = ASEPTIC_TELEMETRY;
    message.recipient = text("record-adapter-1");
    message.content_type = text("text/plain");
    message.body = text("flow 2.5 ml/h");

    CHECK(aseptic_sender_init(&device, &sender) == ASEPTIC_OK);
    CHECK(aseptic_message_seal(&device, &birth, &sender, &message, &out) == ASEPTIC_KEY_WRONG_USE);
    CHECK(aseptic_message_seal(&device, &local, &sender, &message, &out) == ASEPTIC_OK);
    tell(room, out.len);

    CHECK(aseptic_opener_init(&device, 1u << ASEPTIC_CONFIGURATION, &opener) == ASEPTIC_MISUSE);
    CHECK(aseptic_agreement_public(&device, &work, &out) == ASEPTIC_OK && out.len == 65);
    tell(room, out.len);
    CHECK(aseptic_opener_init(&device, 1u << ASEPTIC_CONFIGURATION | 1u << ASEPTIC_TELEMETRY, &opener) == ASEPTIC_OK);

    /* An observation: handed over until it is committed. */
    aseptic_slice sealed = hear(0);
    for (int again = 0; again < 2; again++) {
        CHECK(aseptic_message_open(&device, &local, &opener, NULL, sealed, &out, &opened, &ticket) == ASEPTIC_OK);
        CHECK(opened.message_class == ASEPTIC_TELEMETRY && opened.order == ASEPTIC_ORDER_NEXT && opened.missing == 0);
        CHECK(opened.sequence == 1 && opened.stream == 0 && opened.degraded == ASEPTIC_OK);
        CHECK(same(opened.sender, "pharmacy-1") && same(opened.content_type, "text/plain"));
        CHECK(same(opened.body, "bed 7") && opened.signed_message.len > opened.body.len);
    }
    CHECK(aseptic_message_commit(&device, &opener, &ticket) == ASEPTIC_OK);
    CHECK(aseptic_message_commit(&device, &opener, &ticket) == ASEPTIC_MISUSE);
    aseptic_ticket_wipe(&ticket);
    CHECK(aseptic_message_open(&device, &local, &opener, NULL, sealed, &out, &opened, &ticket)
          == ASEPTIC_MESSAGE_REPLAYED);
    CHECK(out.len == 0 && opened.body.len == 0 && opened.sequence == 0);

    /* A configuration answers a challenge. */
    out.cap = 15;
    CHECK(aseptic_opener_challenge(&device, &opener, 60000, &out) == ASEPTIC_BUFFER_TOO_SMALL && out.len == 16);
    out.cap = sizeof room;
    CHECK(aseptic_opener_challenge(&device, &opener, 60000, &out) == ASEPTIC_OK && out.len == 16);
    tell(room, out.len);

    /* Handed over once. A changed one is not, and room for it is asked for. */
    sealed = hear(0);
    frames[0][sealed.len / 2] ^= 1;
    CHECK(aseptic_message_open(&device, &local, &opener, NULL, sealed, &out, &opened, &ticket) != ASEPTIC_OK);
    frames[0][sealed.len / 2] ^= 1;
    out.cap = sealed.len - 1;
    CHECK(aseptic_message_open(&device, &local, &opener, NULL, sealed, &out, &opened, &ticket)
          == ASEPTIC_BUFFER_TOO_SMALL);
    CHECK(out.len == sealed.len);
    out.cap = sizeof room;
    CHECK(aseptic_message_open(&device, &local, &opener, NULL, sealed, &out, &opened, &ticket) == ASEPTIC_OK);
    CHECK(opened.message_class == ASEPTIC_CONFIGURATION && same(opened.body, "limits 4"));
    CHECK(aseptic_message_commit(&device, &opener, &ticket) == ASEPTIC_OK);
    CHECK(aseptic_message_open(&device, &local, &opener, NULL, sealed, &out, &opened, &ticket)
          == ASEPTIC_COMMAND_NOT_FRESH);
    CHECK(aseptic_opener_forget(&device, &opener, text("nobody")) == ASEPTIC_OK);

    /* The power goes: what was opened stays opened, and the key stays. */
    aseptic_opener_wipe(&opener);
    aseptic_sender_wipe(&sender);
    aseptic_device_wipe(&device);
    start();
    CHECK(aseptic_opener_init(&device, 1u << ASEPTIC_CONFIGURATION, &opener) == ASEPTIC_OK);
    CHECK(aseptic_message_open(&device, &local, &opener, NULL, sealed, &out, &opened, &ticket)
          == ASEPTIC_COMMAND_NOT_FRESH);
    CHECK(aseptic_agreement_renew(&device, &work) == ASEPTIC_OK);
    CHECK(aseptic_opener_init(&device, 1u << ASEPTIC_CONFIGURATION, &opener) == ASEPTIC_OK);
    CHECK(aseptic_message_open(&device, &local, &opener, NULL, sealed, &out, &opened, &ticket) == ASEPTIC_DECRYPT_FAILED);
    aseptic_opener_wipe(&opener);
}

/* What waits in the outbox goes out sealed, and stays until its receipt; a session for what is small and frequent. */
static void queue(void)
{
    static aseptic_outbox outbox;
    static aseptic_session session;
    static aseptic_report told;
    static const uint8_t noise[] = { 0x80 };
    uint32_t number;
    aseptic_buf out = { room, sizeof room, 0 };
    aseptic_slice report = { noise, sizeof noise };
    aseptic_settled settled;
    aseptic_message_id id;
    aseptic_message message;
    (void)memset(&message, 0, sizeof message);
    message.message_class = ASEPTIC_ALARM;
    message.recipient = text("record-adapter-1");
    message.content_type = text("text/plain");
    message.body = text("air in line");

    CHECK(aseptic_sender_init(&device, &sender) == ASEPTIC_OK);
    CHECK(aseptic_outbox_init(&device, 4, &outbox) == ASEPTIC_OK);
    CHECK(aseptic_outbox_put(&device, &local, &sender, &outbox, &message, &id) == ASEPTIC_OK);
    CHECK(id.stream == 1 && id.epoch == 1 && id.sequence == 1);
    CHECK(aseptic_outbox_count(&outbox, ASEPTIC_ALARM, &number) == ASEPTIC_OK && number == 1);
    CHECK(aseptic_outbox_next(&device, &sender, &outbox, message.recipient, &out) == ASEPTIC_OK && out.len > 0);
    tell(room, out.len);
    CHECK(aseptic_outbox_next(&device, &sender, &outbox, message.recipient, &out) == ASEPTIC_OK && out.len == 0);
    CHECK(aseptic_report_verify(&device, &local, message.recipient, report, &told) != ASEPTIC_OK && told.receipt_count == 0);
    CHECK(aseptic_outbox_settle(&device, &local, &outbox, message.recipient, report, &settled) != ASEPTIC_OK);
    CHECK(aseptic_outbox_retry(&outbox) == ASEPTIC_OK);
    CHECK(aseptic_outbox_count(&outbox, ASEPTIC_ALARM, &number) == ASEPTIC_OK && number == 1);

    report = hear(0);
    CHECK(aseptic_report_verify(&device, &birth, message.recipient, report, &told) == ASEPTIC_KEY_WRONG_USE);
    CHECK(aseptic_report_verify(&device, &local, message.recipient, report, &told) == ASEPTIC_OK);
    CHECK(told.receipt_count == 1 && told.stream_count == 2 && told.lost_session == 0);
    CHECK(told.receipts[0].outcome == ASEPTIC_OUTCOME_STORED && memcmp(&told.receipts[0].message, &id, sizeof id) == 0);
    CHECK(told.streams[1].stream == 1 && told.streams[1].high == 1 && told.streams[1].missing == 0);
    CHECK(aseptic_outbox_settle(&device, &local, &outbox, message.recipient, report, &settled) == ASEPTIC_OK);
    CHECK(settled.stored == 1 && settled.rejected == 0 && settled.again == 0 && settled.lost_session == 0);
    CHECK(aseptic_outbox_count(&outbox, ASEPTIC_ALARM, &number) == ASEPTIC_OK && number == 0);
    CHECK(aseptic_outbox_put(&device, &local, &sender, &outbox, &message, NULL) == ASEPTIC_OK);
    CHECK(aseptic_outbox_erase(&device, &outbox) == ASEPTIC_OK);
    aseptic_outbox_wipe(&outbox);

    message.message_class = ASEPTIC_TELEMETRY;
    message.body.len = 0;
    CHECK(aseptic_session_offer(&device, &local, &sender, &message, &session, &out) == ASEPTIC_OK);
    CHECK(aseptic_session_number(&session, &number) == ASEPTIC_OK);
    tell(room, out.len);
    CHECK(aseptic_session_seal(&device, &session, text("flow 2.5 ml/h"), &out) == ASEPTIC_OK && out.len <= 13 + 37);
    CHECK(aseptic_session_seal(&device, &session, text("flow 2.6 ml/h"), &out) == ASEPTIC_OK);
    /* Neither arrives; the next offer in the same memory says that there were two. */
    CHECK(aseptic_session_offer(&device, &local, &sender, &message, &session, &out) == ASEPTIC_OK);
    tell(room, out.len);
    aseptic_session_wipe(&session);
    CHECK(aseptic_sender_start_over(&device, &sender) == ASEPTIC_OK);
    aseptic_sender_wipe(&sender);
}

/* A session that somebody offers to this device over a relay, the station that has its alarms meanwhile, and what is said of
 * what came. */
static void listen(void)
{
    static aseptic_sessions sessions;
    static aseptic_link link, elsewhere;
    static aseptic_opener stranger;
    static aseptic_ticket other, next;
    uint64_t time;
    aseptic_opened opened;
    aseptic_accepted accepted;
    aseptic_buf out = { room, sizeof room, 0 }, again = { room + ROOM, ROOM, 0 };
    aseptic_outcome outcome = { &other, ASEPTIC_OUTCOME_STORED, 0 };

    CHECK(aseptic_agreement_public(&device, &work, &out) == ASEPTIC_OK);
    tell(room, out.len);
    CHECK(aseptic_opener_init(&device, 1u << ASEPTIC_TELEMETRY, &opener) == ASEPTIC_OK);
    CHECK(aseptic_sessions_init(&sessions) == ASEPTIC_OK);
    CHECK(aseptic_link_init(&device, text("pharmacy-1"), &link) == ASEPTIC_OK);
    CHECK(aseptic_link_init(&device, text("station-2"), &elsewhere) == ASEPTIC_OK);
    CHECK(aseptic_link_silent_until(&link, &time) == ASEPTIC_OK && time == 0);
    CHECK(aseptic_link_beat(&device, &link, &out) == ASEPTIC_OK && out.len == 8);
    tell(room, out.len);

    aseptic_slice offer = hear(0), first = hear(1), second = hear(2), sealed = hear(3);
    CHECK(aseptic_countersignature_verify(&device, NULL, text("relay-2"), offer, &time) == ASEPTIC_MESSAGE_UNKNOWN_SENDER);
    CHECK(aseptic_countersignature_verify(&device, NULL, text("relay-1"), sealed, &time) == ASEPTIC_UNKNOWN_SIGNER);
    CHECK(aseptic_countersignature_verify(&device, NULL, text("relay-1"), offer, &time) == ASEPTIC_OK && time == 1800000000u);

    /* A message before its session is known, and the offer. */
    CHECK(aseptic_sessions_open(&device, &sessions, NULL, first, &out, &opened, &ticket) == ASEPTIC_SESSION_UNKNOWN);
    CHECK(aseptic_message_open(&device, &local, &opener, NULL, sealed, &again, &opened, &other) == ASEPTIC_OK);
    CHECK(same(opened.body, "bed 8") && opened.stream == 0);
    CHECK(aseptic_sessions_accept(&device, &local, &opener, &sessions, NULL, opened.signed_message, &other, &accepted)
          == ASEPTIC_MESSAGE_MALFORMED);
    CHECK(aseptic_message_open(&device, &local, &opener, NULL, offer, &out, &opened, &ticket) == ASEPTIC_OK);
    CHECK(opened.stream == 3 && opened.message_class == ASEPTIC_TELEMETRY);
    CHECK(aseptic_sessions_accept(&device, &local, &opener, &sessions, NULL, opened.body, &ticket, &accepted)
          == ASEPTIC_MISUSE);
    CHECK(aseptic_sessions_accept(&device, &local, &opener, &sessions, NULL, opened.signed_message, &ticket, NULL)
          == ASEPTIC_MISUSE);
    CHECK(aseptic_sessions_accept(&device, &local, &opener, &sessions, NULL, opened.signed_message, &ticket, &accepted)
          == ASEPTIC_OK);
    CHECK(accepted.earlier == ASEPTIC_EARLIER_FIRST && accepted.messages == 0 && accepted.run == opened.sequence);
    time = accepted.number;
    CHECK(aseptic_sessions_accept(&device, &local, &opener, &sessions, NULL, opened.signed_message, &ticket, &accepted)
          == ASEPTIC_MISUSE);
    CHECK(time != 0 && accepted.number == 0 && accepted.earlier == 0);
    CHECK(aseptic_link_answered(&link, &ticket) == ASEPTIC_MESSAGE_MALFORMED);

    /* The station answers: the device may be silent until ten seconds after its heartbeat. */
    CHECK(aseptic_sessions_open(&device, &sessions, NULL, first, &out, &opened, &ticket) == ASEPTIC_OK);
    CHECK(opened.message_class == ASEPTIC_TELEMETRY && opened.order == ASEPTIC_ORDER_NEXT && opened.sequence == 1);
    CHECK(opened.body.len == 8 && opened.signed_message.len == 0 && opened.time_trust == ASEPTIC_TIME_UNKNOWN);
    CHECK(same(opened.sender, "pharmacy-1") && same(opened.content_type, "application/heartbeat"));
    CHECK(aseptic_link_answered(&link, &other) == ASEPTIC_MESSAGE_MALFORMED);
    CHECK(aseptic_link_answered(&elsewhere, &ticket) == ASEPTIC_MESSAGE_IDENTITY);
    CHECK(aseptic_link_answered(&link, &ticket) == ASEPTIC_OK);
    CHECK(aseptic_link_silent_until(&link, &time) == ASEPTIC_OK && time >= 10000);
    CHECK(aseptic_message_commit(&device, &opener, &ticket) == ASEPTIC_MISUSE);
    CHECK(aseptic_sessions_commit(&sessions, &ticket) == ASEPTIC_OK);
    CHECK(aseptic_sessions_commit(&sessions, &ticket) == ASEPTIC_MISUSE);
    CHECK(aseptic_sessions_open(&device, &sessions, NULL, first, &out, &opened, &ticket) == ASEPTIC_MESSAGE_REPLAYED);
    CHECK(opened.body.len == 0 && out.len == 0 && aseptic_sessions_commit(&sessions, &ticket) == ASEPTIC_MISUSE);
    CHECK(aseptic_sessions_open(&device, &sessions, NULL, second, &out, &opened, &ticket) == ASEPTIC_OK);
    CHECK(opened.order == ASEPTIC_ORDER_GAP && opened.missing == 1 && opened.sequence == 3 && same(opened.body, "bed 9"));

    /* The next session in place of this one. Its offer says that three messages went before; one of them was committed here. */
    aseptic_slice later = hear(1);
    CHECK(aseptic_message_open(&device, &local, &opener, NULL, later, &out, &opened, &next) == ASEPTIC_OK);
    CHECK(aseptic_sessions_accept(&device, &local, &opener, &sessions, NULL, opened.signed_message, &next, &accepted)
          == ASEPTIC_OK);
    CHECK(accepted.earlier == ASEPTIC_EARLIER_CONTINUED && accepted.messages == 2 && accepted.run + 1u == opened.sequence);
    CHECK(aseptic_sessions_end(&sessions, text("pharmacy-1")) == ASEPTIC_OK);
    CHECK(aseptic_sessions_commit(&sessions, &ticket) == ASEPTIC_SESSION_UNKNOWN);
    CHECK(aseptic_sessions_open(&device, &sessions, NULL, second, &out, &opened, &ticket) == ASEPTIC_SESSION_UNKNOWN);
    aseptic_link_wipe(&link);
    aseptic_link_wipe(&elsewhere);

    /* Stored is what was committed. Each report names the lost session as well. */
    CHECK(aseptic_report_sign(&device, &local, &opener, &sessions, text("pharmacy-1"), &outcome, 1, &out) == ASEPTIC_MISUSE);
    CHECK(aseptic_opener_start_over(&device, 1u << ASEPTIC_TELEMETRY, &stranger) == ASEPTIC_OK);
    CHECK(aseptic_message_commit(&device, &stranger, &other) == ASEPTIC_MISUSE);
    aseptic_opener_wipe(&stranger);
    CHECK(aseptic_message_commit(&device, &opener, &other) == ASEPTIC_OK);
    CHECK(aseptic_report_sign(&device, &local, &opener, &sessions, text("nobody"), &outcome, 1, &out) == ASEPTIC_MISUSE);
    CHECK(aseptic_report_sign(&device, &local, &opener, &sessions, text("pharmacy-1"), &outcome, 1, &out) == ASEPTIC_OK);
    tell(room, out.len);
    outcome.outcome = ASEPTIC_MESSAGE_CLASS;
    CHECK(aseptic_report_sign(&device, &local, &opener, &sessions, text("pharmacy-1"), &outcome, 1, &out) == ASEPTIC_OK);
    tell(room, out.len);

    /* The device as a relay. */
    CHECK(aseptic_countersignature_add(&device, &birth, sealed, &out) == ASEPTIC_KEY_WRONG_USE);
    CHECK(aseptic_countersignature_add(&device, &local, sealed, &out) == ASEPTIC_OK && out.len > sealed.len);
    tell(room, out.len);
    aseptic_sessions_wipe(&sessions);
    aseptic_ticket_wipe(&ticket);
    aseptic_ticket_wipe(&other);
    aseptic_ticket_wipe(&next);
    aseptic_opener_wipe(&opener);
}

static void steps(void)
{
    uint8_t more = 1;
    while (more != 0) {
        CHECK(aseptic_update_step(&device, &update, &more) == ASEPTIC_OK);
    }
}

/* The owner signs the next version of its store. */
static void trust(void)
{
    uint64_t version;
    aseptic_slice store = hear(0);
    CHECK(aseptic_trust_update(&device, ASEPTIC_OWNER, store) == ASEPTIC_OK);
    CHECK(aseptic_trust_update(&device, ASEPTIC_OWNER, store) == ASEPTIC_TRUST_ROLLBACK);
    CHECK(aseptic_trust_version(&device, ASEPTIC_OWNER, &version) == ASEPTIC_OK && version == 2);
}

static void software(void)
{
    uint8_t state;
    uint64_t offset, missing;
    aseptic_slice envelope = hear(0), image = hear(1);
    aseptic_part part;
    uint8_t words[64];
    aseptic_buf arguments = { words, sizeof words, 0 };
    uint32_t count;
    uint64_t waited;
    CHECK(aseptic_update_begin(&device, envelope, &MODEL, &update) == ASEPTIC_CLINICAL_USE);
    CHECK(aseptic_device_set_use(&device, ASEPTIC_USE_IDLE) == ASEPTIC_OK);
    CHECK(aseptic_update_grant(&device, ASEPTIC_PERMISSION_INSTALL, 0) == ASEPTIC_OK);
    CHECK(aseptic_update_begin(&device, envelope, &MODEL, &update) == ASEPTIC_PERMISSION_WITHHELD);
    CHECK(aseptic_update_deferral(&device, &count, &waited) == ASEPTIC_OK && count == 2);
    CHECK(aseptic_update_grant(&device, ASEPTIC_PERMISSION_INSTALL, 1) == ASEPTIC_OK);
    CHECK(aseptic_update_hold(&device, envelope, envelope) != ASEPTIC_OK);
    aseptic_statements brought;
    (void)memset(&brought, 0, sizeof brought);
    brought.source = ASEPTIC_SOURCE_MEDIUM;
    CHECK(aseptic_update_begin_with(&device, envelope, &MODEL, &brought, &update) == ASEPTIC_OK);
    aseptic_update_wipe(&update);
    CHECK(aseptic_update_abandon(&device) == ASEPTIC_OK);
    CHECK(aseptic_update_begin(&device, envelope, &MODEL, &update) == ASEPTIC_OK);
    CHECK(aseptic_update_deferral(&device, &count, &waited) == ASEPTIC_OK && count == 0 && waited == 0);
    CHECK(aseptic_update_refused(&device, ASEPTIC_CLINICAL_USE) == ASEPTIC_NO_UPDATE);
    CHECK(aseptic_update_refused(&device, ASEPTIC_OK) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_account(&device, &MODEL, text("0123456789abcdef0123456789abcdef")) == ASEPTIC_OK);
    steps();
    CHECK(aseptic_update_offset(&update, &offset, &missing) == ASEPTIC_OK && offset == 0 && missing == image.len);
    CHECK(aseptic_update_part(&update, envelope, &part) == ASEPTIC_OK && part.number == 0);
    CHECK(part.offset == 0 && part.missing == image.len && part.uri.len + part.payload.len != 0);
    CHECK(aseptic_update_invoke_arguments(&update, &arguments) == ASEPTIC_OK && arguments.len == 0);
    CHECK(aseptic_update_feed(&device, &update, image) == ASEPTIC_OK);
    CHECK(aseptic_update_finish(&device, &update) == ASEPTIC_OK);
    CHECK(aseptic_update_account_deferrals(&device, &update) == ASEPTIC_MISUSE);
    steps();
    CHECK(aseptic_update_account_deferrals(&device, &update) == ASEPTIC_OK);
    CHECK(aseptic_update_activate(&device, &update) == ASEPTIC_OK);
    aseptic_update_wipe(&update);
    aseptic_device_wipe(&device);

    tell((const uint8_t *)"restart", 7);
    CHECK(hear(0).len == 0);
    start();
    uint32_t word;
    CHECK(aseptic_boot_verify(&device, &word) == ASEPTIC_OK && word == ASEPTIC_START_B);
    CHECK(aseptic_boot_state(&device, &state) == ASEPTIC_OK && state == ASEPTIC_BOOT_TRIAL);
    CHECK(aseptic_boot_confirm(&device, 0) == ASEPTIC_OK);
    CHECK(aseptic_boot_state(&device, &state) == ASEPTIC_OK && state == ASEPTIC_BOOT_CONFIRMED);
    CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_LOCAL, &local) == ASEPTIC_OK);
    aseptic_buf out = { room, ROOM, 0 };
    CHECK(aseptic_update_report(&device, &local, &out) == ASEPTIC_OK && out.len > 100);
}

/* A young certificate is left alone, a copy on other hardware is not served. */
static void upkeep(void)
{
    aseptic_renewal_state known = { sizeof known, 0, 3600, 0, 0, ASEPTIC_HINT_NONE, { 0 } };
    aseptic_est_terms terms = { ASEPTIC_IDENTITY_FALLBACK, 0, 1, { 0 } };
    aseptic_renewal decision;
    aseptic_enrol_action action;
    CHECK(aseptic_renewal_next(&device, &known, &decision) == ASEPTIC_OK);
    CHECK(decision.kind == ASEPTIC_RENEW_WAIT && decision.seconds > 86400u * 30);
    known.hint = ASEPTIC_HINT_TURNED_DOWN;
    CHECK(aseptic_renewal_next(&device, &known, &decision) == ASEPTIC_OK);
    CHECK(decision.kind == ASEPTIC_RENEW_DEFERRED && decision.days_left == -1 && decision.windows_left == -1);
    CHECK(aseptic_device_set_use(&device, ASEPTIC_USE_IDLE) == ASEPTIC_OK);
    CHECK(aseptic_renewal_next(&device, &known, &decision) == ASEPTIC_OK);
    CHECK(decision.kind == ASEPTIC_RENEW_NOW && decision.identity == ASEPTIC_IDENTITY_BIRTH);
    known.size--;
    CHECK(aseptic_renewal_next(&device, &known, &decision) == ASEPTIC_MISUSE && decision.kind == 0);

    CHECK(aseptic_enroller_begin_with(&device, &work, &terms, &enroller) == ASEPTIC_OK);
    CHECK(aseptic_enroller_connected(&device, &work, &enroller, text("short"), &action) == ASEPTIC_MISUSE);
    CHECK(aseptic_enroller_connected(&device, &work, &enroller, text("0123456789abcdef0123456789abcdef"), &action)
          == ASEPTIC_OK);
    CHECK(same(action.path, "/.well-known/est/cacerts"));
    aseptic_enroller_wipe(&enroller);
    terms.identity = ASEPTIC_IDENTITY_LOCAL;
    CHECK(aseptic_enroller_begin_with(&device, &work, &terms, &enroller) == ASEPTIC_MISUSE);
    terms.identity = ASEPTIC_IDENTITY_BIRTH;
    terms.attributes = 2;
    CHECK(aseptic_enroller_begin_with(&device, &work, &terms, &enroller) == ASEPTIC_MISUSE);
    CHECK(aseptic_device_set_use(&device, ASEPTIC_USE_IN_USE) == ASEPTIC_OK);

    CHECK(aseptic_identity_check_hardware(&device, text("board 1")) == ASEPTIC_OK);
    CHECK(aseptic_identity_check_hardware(&device, text("board 2")) == ASEPTIC_HARDWARE_MISMATCH);
    CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_LOCAL, &local) == ASEPTIC_HARDWARE_MISMATCH);
    CHECK(aseptic_enroller_begin(&device, &work, &enroller) == ASEPTIC_HARDWARE_MISMATCH);
    CHECK(aseptic_identity_check_hardware(&device, text("board 1")) == ASEPTIC_OK);
    CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_LOCAL, &local) == ASEPTIC_OK);
}

/* Nobody is left afterwards, and a tombstone says who it was. */
static void end(void)
{
    uint32_t destroyed = 7;
    aseptic_buf out = { room, sizeof room, 0 };
    CHECK(aseptic_device_tombstone(&device, &out) == ASEPTIC_PLATFORM_NOT_FOUND);
    CHECK(aseptic_device_decommission(&device, &work, &out) == ASEPTIC_CLINICAL_USE);
    CHECK(aseptic_device_set_use(&device, ASEPTIC_USE_IDLE) == ASEPTIC_OK);
    out.cap = 0;
    CHECK(aseptic_device_decommission(&device, &work, &out) == ASEPTIC_BUFFER_TOO_SMALL && out.len == 1024);
    CHECK(stage(ASEPTIC_IDENTITY_LOCAL) == ASEPTIC_STAGE_ACTIVE);
    out.cap = sizeof room;
    CHECK(aseptic_device_decommission(&device, &work, &out) == ASEPTIC_OK && out.len > 100);
    CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_LOCAL, &local) == ASEPTIC_DECOMMISSIONED);
    CHECK(aseptic_identity_tidy(&device, &work, &destroyed) == ASEPTIC_OK && destroyed == 0);
    tell(room, out.len);
    CHECK(aseptic_device_tombstone(&device, &out) == ASEPTIC_OK);
    tell(room, out.len);
}

int main(int count, char **words)
{
    CHECK(count == 2 && platform_open(&platform, words[1]) == ASEPTIC_OK);
    start();
    factory();
    enrolment();
    upkeep();
    messages();
    queue();
    listen();
    trust();
    software();
    end();
    aseptic_identity_wipe(&birth);
    aseptic_identity_wipe(&local);
    aseptic_device_wipe(&device);
    tell((const uint8_t *)"lived", 5);
    return 0;
}
