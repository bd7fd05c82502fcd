/* Every function without what it needs: NULL, misaligned, zeroed. Each answers MISUSE, zeroes its outputs, stores nothing. */
#include "check.h"
#include "ram.h"

#include <string.h>

static ram memory;
static aseptic_device device;
static aseptic_identity identity;
static aseptic_sender sender;
static aseptic_update update;
static aseptic_workspace work;
static aseptic_peer peer;
static aseptic_enroller enroller;
static aseptic_opener opener;
static aseptic_outbox outbox;
static aseptic_session session;
static aseptic_sessions sessions;
static aseptic_link station;
static aseptic_ticket ticket;
static aseptic_list list;

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
    aseptic_statements statements;
    aseptic_buf out = { room, sizeof room, 7 };
    uint64_t offset = 7, missing = 7;
    aseptic_part part;
    uint8_t boot = 7;
    uint32_t word = 7;
    (void)memset(&message, 0, sizeof message);
    (void)memset(&model, 0, sizeof model);
    (void)memset(&statements, 0, sizeof statements);
    (void)memset(room, 7, sizeof room);
    message.message_class = ASEPTIC_TELEMETRY;

    CHECK(aseptic_device_set_use(d, ASEPTIC_USE_IDLE) == ASEPTIC_MISUSE);
    CHECK(aseptic_trust_install(d, ASEPTIC_OWNER, bytes, ASEPTIC_PRESENCE_CONFIRMED) == ASEPTIC_MISUSE);
    CHECK(aseptic_trust_update(d, ASEPTIC_OWNER, bytes) == ASEPTIC_MISUSE);
    CHECK(aseptic_trust_version(d, ASEPTIC_OWNER, &offset) == ASEPTIC_MISUSE && offset == 0);
    offset = 7;
    CHECK(aseptic_trust_epoch(d, &offset) == ASEPTIC_MISUSE && offset == 0);
    offset = 7;
    CHECK(aseptic_time_now(d, &offset, &boot) == ASEPTIC_MISUSE && offset == 0 && boot == 0);
    CHECK(aseptic_boot_provision(d, bytes, 1, 1) == ASEPTIC_MISUSE);
    CHECK(aseptic_identity_load(d, ASEPTIC_IDENTITY_LOCAL, i) == ASEPTIC_MISUSE);
    CHECK(aseptic_identity_name(i, &out) == ASEPTIC_MISUSE);
    CHECK(out.len == 0 && zeroed(room, sizeof room));
    CHECK(aseptic_sender_init(d, s) == ASEPTIC_MISUSE);
    CHECK(aseptic_sender_start_over(d, s) == ASEPTIC_MISUSE);
    (void)memset(room, 7, sizeof room);
    out.len = 7;
    CHECK(aseptic_message_seal(d, i, s, &message, &out) == ASEPTIC_MISUSE);
    CHECK(out.len == 0 && zeroed(room, sizeof room));
    CHECK(aseptic_update_begin(d, bytes, &model, u) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_begin_with(d, bytes, &model, &statements, u) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_hold(d, bytes, bytes) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_grant(d, ASEPTIC_PERMISSION_DOWNLOAD, 1) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_deferral(d, &word, &offset) == ASEPTIC_MISUSE && word == 0 && offset == 0);
    word = 7;
    offset = 7;
    CHECK(aseptic_update_step(d, u, &boot) == ASEPTIC_MISUSE && boot == 0);
    CHECK(aseptic_update_offset(u, &offset, &missing) == ASEPTIC_MISUSE);
    CHECK(offset == 0 && missing == 0);
    (void)memset(&part, 7, sizeof part);
    CHECK(aseptic_update_part(u, bytes, &part) == ASEPTIC_MISUSE);
    CHECK(part.uri.len == 0 && part.payload.len == 0 && part.offset == 0 && part.missing == 0 && part.number == 0);
    (void)memset(room, 7, sizeof room);
    out.len = 7;
    CHECK(aseptic_update_invoke_arguments(u, &out) == ASEPTIC_MISUSE);
    CHECK(out.len == 0 && zeroed(room, sizeof room));
    CHECK(aseptic_update_feed(d, u, bytes) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_finish(d, u) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_activate(d, u) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_abandon(d) == ASEPTIC_MISUSE);
    CHECK(aseptic_boot_state(d, &boot) == ASEPTIC_MISUSE);
    CHECK(boot == 0);
    CHECK(aseptic_boot_confirm(d, 0) == ASEPTIC_MISUSE);
    CHECK(aseptic_boot_verify(d, &word) == ASEPTIC_MISUSE && word == 0);
    aseptic_update_wipe(u);
    aseptic_sender_wipe(s);
    aseptic_identity_wipe(i);
    aseptic_device_wipe(d);
}

/* The same for what is only met in some lives. */
static void refuse_seldom(aseptic_device *d, aseptic_workspace *w, aseptic_identity *i, aseptic_peer *p,
                          aseptic_enroller *e, aseptic_opener *o, aseptic_ticket *t, aseptic_list *l)
{
    uint8_t room[64];
    uint8_t stage = 7;
    uint32_t destroyed = 7;
    aseptic_status flag = ASEPTIC_OK;
    aseptic_slice bytes = { room, sizeof room };
    aseptic_buf out = { room, sizeof room, 7 };
    aseptic_device_name name;
    aseptic_enrol_action action;
    aseptic_opened opened;
    (void)memset(&name, 0, sizeof name);
    (void)memset(&action, 7, sizeof action);
    (void)memset(&opened, 7, sizeof opened);

#define REFUSES(call)                                        \
    do {                                                     \
        (void)memset(room, 7, sizeof room);                  \
        out.len = 7;                                         \
        CHECK((call) == ASEPTIC_MISUSE);                     \
        CHECK(out.len == 0 && zeroed(room, sizeof room));    \
    } while (0)

    REFUSES(aseptic_birth_request(d, w, &name, &out));
    REFUSES(aseptic_peer_name(p, &out));
    REFUSES(aseptic_identity_certificate(d, i, 0, &out));
    REFUSES(aseptic_identity_sign(d, i, p, (aseptic_slice){ (const uint8_t *)"x", 1 }, &out));
    REFUSES(aseptic_agreement_public(d, w, &out));
    REFUSES(aseptic_message_open(d, i, o, NULL, (aseptic_slice){ (const uint8_t *)"x", 1 }, &out, &opened, t));
    CHECK(zeroed(&opened, sizeof opened));
    CHECK(aseptic_birth_install(d, w, &bytes, 1) == ASEPTIC_MISUSE);
    CHECK(aseptic_peer_verify(d, ASEPTIC_PURPOSE_NETWORK, bytes, &bytes, 1, p) == ASEPTIC_MISUSE);
    aseptic_lists lists = { sizeof lists, 1, NULL, NULL };
    aseptic_list_info info = { .size = sizeof info, .entries = 7 };
    aseptic_finding finding;
    (void)memset(&finding, 7, sizeof finding);
    finding.size = (uint32_t)sizeof finding;
    CHECK(aseptic_list_begin(&lists, 0, NULL, 0, l) == ASEPTIC_MISUSE);
    CHECK(aseptic_list_begin(NULL, 0, NULL, 0, l) == ASEPTIC_MISUSE);
    stage = 7;
    CHECK(aseptic_list_step(d, l, &stage) == ASEPTIC_MISUSE && stage == 0);
    CHECK(aseptic_peer_verify_listed(d, ASEPTIC_PURPOSE_NETWORK, bytes, &bytes, 1, l, 1, p) == ASEPTIC_MISUSE);
    CHECK(aseptic_peer_finding(d, ASEPTIC_PURPOSE_NETWORK, bytes, &bytes, 1, l, 1, 0, &finding) == ASEPTIC_MISUSE);
    CHECK(finding.reason == ASEPTIC_OK && finding.field.len == 0 && finding.found.kind == 0);
    CHECK(aseptic_list_accept(d, l, bytes, &info) == ASEPTIC_MISUSE && info.entries == 0);
    info.size = finding.size = 1;
    CHECK(aseptic_list_accept(d, l, bytes, &info) == ASEPTIC_MISUSE);
    CHECK(aseptic_list_accept(d, l, bytes, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_peer_finding(d, ASEPTIC_PURPOSE_NETWORK, bytes, &bytes, 1, NULL, 0, 0, &finding) == ASEPTIC_MISUSE);
    stage = 7;
    aseptic_list_wipe(l);
    REFUSES(aseptic_certificate_import((aseptic_slice){ NULL, 1 }, 0, &out));
    CHECK(aseptic_peer_degraded(p, &flag) == ASEPTIC_MISUSE && flag == ASEPTIC_MISUSE);
    CHECK(aseptic_identity_tidy(d, w, &destroyed) == ASEPTIC_MISUSE && destroyed == 0);
    CHECK(aseptic_identity_stage(d, ASEPTIC_IDENTITY_BIRTH, &stage) == ASEPTIC_MISUSE && stage == ASEPTIC_STAGE_BLANK);
    CHECK(aseptic_identity_confirm(d, w, i, p) == ASEPTIC_MISUSE);
    CHECK(aseptic_enroller_begin(d, w, e) == ASEPTIC_MISUSE);
    CHECK(aseptic_enroller_step(d, w, e, NULL, NULL, &action) == ASEPTIC_MISUSE);
    CHECK(zeroed(&action, sizeof action));
    CHECK(aseptic_agreement_renew(d, w) == ASEPTIC_MISUSE);
    CHECK(aseptic_opener_init(d, 1u << ASEPTIC_COMMAND, o) == ASEPTIC_MISUSE);
    CHECK(aseptic_opener_start_over(d, 1u << ASEPTIC_COMMAND, o) == ASEPTIC_MISUSE);
    REFUSES(aseptic_opener_challenge(d, o, 1000, &out));
    CHECK(aseptic_message_commit(d, o, t) == ASEPTIC_MISUSE);
    CHECK(aseptic_opener_forget(d, o, bytes) == ASEPTIC_MISUSE);
    aseptic_ticket_wipe(t);
    aseptic_opener_wipe(o);
    aseptic_enroller_wipe(e);
    aseptic_peer_wipe(p);
}

/* And for what waits or is frequent. */
static void refuse_waiting(aseptic_device *d, aseptic_identity *i, aseptic_sender *s, aseptic_outbox *b,
                           aseptic_session *n)
{
    uint8_t room[64];
    uint32_t number = 7;
    aseptic_slice one = { (const uint8_t *)"x", 1 };
    aseptic_buf out = { room, sizeof room, 7 };
    aseptic_message message;
    aseptic_settled settled;
    aseptic_message_id id;
    (void)memset(&message, 0, sizeof message);
    (void)memset(&id, 7, sizeof id);
    (void)memset(&settled, 7, sizeof settled);
    message.message_class = ASEPTIC_ALARM;
    message.recipient = message.content_type = message.body = one;
    CHECK(aseptic_outbox_init(d, 4, b) == ASEPTIC_MISUSE);
    CHECK(aseptic_outbox_put(d, i, s, b, &message, &id) == ASEPTIC_MISUSE);
    CHECK(zeroed(&id, sizeof id));
    CHECK(aseptic_outbox_put(d, i, s, b, NULL, NULL) == ASEPTIC_MISUSE);
    REFUSES(aseptic_outbox_next(d, s, b, one, &out));
    CHECK(aseptic_outbox_settle(d, i, b, one, one, &settled) == ASEPTIC_MISUSE && zeroed(&settled, sizeof settled));
    CHECK(aseptic_outbox_retry(b) == ASEPTIC_MISUSE);
    CHECK(aseptic_outbox_count(b, ASEPTIC_ALARM, &number) == ASEPTIC_MISUSE && number == 0);
    CHECK(aseptic_outbox_erase(d, b) == ASEPTIC_MISUSE);
    message.body.len = 0;
    REFUSES(aseptic_session_offer(d, i, s, &message, n, &out));
    REFUSES(aseptic_session_seal(d, n, one, &out));
    number = 7;
    CHECK(aseptic_session_number(n, &number) == ASEPTIC_MISUSE && number == 0);
    aseptic_session_wipe(n);
    aseptic_outbox_wipe(b);
}

/* And for what others say to this device. */
static void refuse_listening(aseptic_device *d, aseptic_identity *i, aseptic_opener *o, aseptic_sessions *n, aseptic_link *k,
                             aseptic_ticket *t)
{
    static aseptic_report report;
    uint8_t room[64];
    uint64_t number = 7;
    aseptic_slice one = { (const uint8_t *)"x", 1 };
    aseptic_buf out = { room, sizeof room, 7 };
    aseptic_opened opened;
    aseptic_outcome outcome = { t, ASEPTIC_OUTCOME_DELIVERED, 0 };
    aseptic_accepted accepted;
    (void)memset(&opened, 7, sizeof opened);
    (void)memset(&report, 7, sizeof report);
    (void)memset(&accepted, 7, sizeof accepted);
    if (n == NULL || n == ODD(aseptic_sessions)) {
        CHECK(aseptic_sessions_init(n) == ASEPTIC_MISUSE);
    }
    CHECK(aseptic_sessions_accept(d, i, o, n, NULL, one, t, &accepted) == ASEPTIC_MISUSE);
    CHECK(zeroed(&accepted, sizeof accepted));
    REFUSES(aseptic_sessions_open(d, n, NULL, one, &out, &opened, t));
    CHECK(zeroed(&opened, sizeof opened));
    CHECK(aseptic_sessions_commit(n, t) == ASEPTIC_MISUSE);
    CHECK(aseptic_sessions_end(n, one) == ASEPTIC_MISUSE);
    CHECK(aseptic_report_verify(d, i, one, one, &report) == ASEPTIC_MISUSE && zeroed(&report, sizeof report));
    REFUSES(aseptic_report_sign(d, i, o, NULL, one, &outcome, 1, &out));
    REFUSES(aseptic_report_sign(d, i, o, n, one, NULL, 0, &out));
    CHECK(aseptic_link_init(d, one, k) == ASEPTIC_MISUSE);
    REFUSES(aseptic_link_beat(d, k, &out));
    CHECK(aseptic_link_answered(k, t) == ASEPTIC_MISUSE);
    CHECK(aseptic_link_silent_until(k, &number) == ASEPTIC_MISUSE && number == 0);
    CHECK(aseptic_link_silent_until(k, NULL) == ASEPTIC_MISUSE);
    number = 7;
    CHECK(aseptic_countersignature_verify(d, NULL, one, one, &number) == ASEPTIC_MISUSE && number == 0);
    REFUSES(aseptic_countersignature_add(d, i, one, &out));
    aseptic_link_wipe(k);
    aseptic_sessions_wipe(n);
}

static void refuse_all_seldom(void)
{
    refuse_listening(NULL, NULL, NULL, NULL, NULL, NULL);
    refuse_listening(&device, &identity, &opener, &sessions, &station, &ticket);
    refuse_listening(ODD(aseptic_device), ODD(aseptic_identity), ODD(aseptic_opener), ODD(aseptic_sessions),
                     ODD(aseptic_link), ODD(aseptic_ticket));
    refuse_waiting(NULL, NULL, NULL, NULL, NULL);
    refuse_waiting(&device, &identity, &sender, &outbox, &session);
    refuse_waiting(ODD(aseptic_device), ODD(aseptic_identity), ODD(aseptic_sender), ODD(aseptic_outbox),
                   ODD(aseptic_session));

    refuse_seldom(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    refuse_seldom(&device, &work, &identity, &peer, &enroller, &opener, &ticket, &list);
    refuse_seldom(ODD(aseptic_device), ODD(aseptic_workspace), ODD(aseptic_identity), ODD(aseptic_peer),
                  ODD(aseptic_enroller), ODD(aseptic_opener), ODD(aseptic_ticket), ODD(aseptic_list));
}

/* A device that is ready, for the calls of some lives. */
static void refuse_seldom_arguments(void)
{
    uint8_t room[1100] = { 0 };
    aseptic_slice none = { NULL, 1 }, bytes = { room, 8 };
    aseptic_slice many[5] = { { room, 8 }, { room, 8 }, { room, 8 }, { room, 8 }, { room, 8 } };
    aseptic_buf out = { room + 64, sizeof room - 64, 7 };
    aseptic_device_name name;
    aseptic_est_answer answer;
    aseptic_enrol_action action;
    uint8_t stage = 7;
    uint32_t destroyed = 7;
    (void)memset(&name, 0, sizeof name);
    (void)memset(&answer, 0, sizeof answer);

    CHECK(aseptic_udi_check(none, &out) == ASEPTIC_MISUSE);
    CHECK(aseptic_udi_check(bytes, &out) == ASEPTIC_UDI_INVALID && out.len == 0);
    CHECK(aseptic_udi_check(bytes, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_birth_request(&device, &work, NULL, &out) == ASEPTIC_MISUSE);
    CHECK(aseptic_birth_request(&device, &work, ODD(aseptic_device_name), &out) == ASEPTIC_MISUSE);
    CHECK(aseptic_birth_request(&device, &work, &name, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_birth_request(&device, &work, &name, &out) == ASEPTIC_NAME_INVALID);
    name.serial = none;
    CHECK(aseptic_birth_request(&device, &work, &name, &out) == ASEPTIC_MISUSE);
    name.serial.ptr = (const uint8_t *)&work + 8;
    CHECK(aseptic_birth_request(&device, &work, &name, &out) == ASEPTIC_MISUSE);
    CHECK(aseptic_birth_install(&device, &work, many, 5) == ASEPTIC_PATH_TOO_LONG);
    CHECK(aseptic_birth_install(&device, &work, NULL, 1) == ASEPTIC_MISUSE);
    CHECK(aseptic_birth_install(&device, &work, ODD(aseptic_slice), 1) == ASEPTIC_MISUSE);
    CHECK(aseptic_birth_install(&device, (aseptic_workspace *)(void *)&device, many, 1) == ASEPTIC_MISUSE);
    CHECK(aseptic_birth_install(&device, &work, many, 1) == ASEPTIC_NOT_PROVISIONED);
    CHECK(aseptic_peer_verify(&device, ASEPTIC_PURPOSE_NETWORK, none, many, 1, &peer) == ASEPTIC_MISUSE);
    CHECK(aseptic_peer_verify(&device, ASEPTIC_PURPOSE_NETWORK, (aseptic_slice){ NULL, 0 }, many, 1, &peer)
          == ASEPTIC_MISUSE);
    CHECK(aseptic_peer_verify(&device, ASEPTIC_PURPOSE_NETWORK, bytes, many, 5, &peer) == ASEPTIC_PATH_TOO_LONG);
    CHECK(aseptic_peer_verify(&device, ASEPTIC_PURPOSE_NETWORK, bytes, NULL, 0, &peer) != ASEPTIC_OK);
    for (unsigned purpose = 0; purpose < 256; purpose++) {
        aseptic_status status = aseptic_peer_verify(&device, (uint8_t)purpose, bytes, many, 1, &peer);
        CHECK(purpose == 3 || purpose == 4 || (purpose >= 6 && purpose <= 10) ? status == ASEPTIC_CERTIFICATE_MALFORMED
                                                                             : status == ASEPTIC_MISUSE);
    }
    CHECK(aseptic_identity_tidy(&device, &work, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_identity_tidy(&device, NULL, &destroyed) == ASEPTIC_MISUSE && destroyed == 0);
    CHECK(aseptic_identity_stage(&device, 0, &stage) == ASEPTIC_MISUSE && stage == 0);
    CHECK(aseptic_identity_stage(&device, ASEPTIC_IDENTITY_FALLBACK, &stage) == ASEPTIC_MISUSE);
    CHECK(aseptic_identity_stage(&device, ASEPTIC_IDENTITY_BIRTH, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_identity_load(&device, 0, &identity) == ASEPTIC_MISUSE);
    CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_SUCCESSOR, &identity) == ASEPTIC_MISUSE);
    CHECK(aseptic_enroller_begin(&device, &work, &enroller) == ASEPTIC_OWNER_ROOT_MISSING);
    CHECK(aseptic_enroller_begin(&device, &work, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_enroller_step(&device, &work, &enroller, NULL, NULL, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_enroller_step(&device, &work, &enroller, &answer, NULL, &action) == ASEPTIC_MISUSE);
    aseptic_renewal decision;
    aseptic_renewal_state known = { sizeof known, 0, 0, 0, 0, ASEPTIC_HINT_NONE, { 0 } };
    CHECK(aseptic_enroller_begin_with(&device, &work, NULL, &enroller) == ASEPTIC_MISUSE);
    CHECK(aseptic_enroller_connected(&device, &work, &enroller, none, &action) == ASEPTIC_MISUSE);
    CHECK(aseptic_renewal_next(&device, NULL, &decision) == ASEPTIC_MISUSE);
    CHECK(aseptic_renewal_next(&device, &known, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_renewal_next(&device, &known, &decision) == ASEPTIC_NOT_PROVISIONED && decision.kind == 0);
    CHECK(aseptic_identity_check_hardware(&device, none) == ASEPTIC_MISUSE);
    CHECK(aseptic_identity_check_hardware(&device, bytes) == ASEPTIC_OK);
    CHECK(aseptic_device_decommission(&device, &work, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_device_decommission(&device, NULL, &out) == ASEPTIC_MISUSE);
    CHECK(aseptic_device_tombstone(&device, &out) == ASEPTIC_PLATFORM_NOT_FOUND && out.len == 0);
    CHECK(aseptic_opener_init(&device, 0, &opener) == ASEPTIC_MISUSE);
    CHECK(aseptic_opener_init(&device, 1, &opener) == ASEPTIC_MESSAGE_CLASS);
    CHECK(aseptic_opener_init(&device, 1u << ASEPTIC_PURPOSE_NETWORK, &opener) == ASEPTIC_MESSAGE_CLASS);
    CHECK(aseptic_agreement_public(&device, &work, NULL) == ASEPTIC_MISUSE);
    out.cap = 64;
    CHECK(aseptic_agreement_public(&device, &work, &out) == ASEPTIC_BUFFER_TOO_SMALL && out.len == 65);
    CHECK(zeroed(&identity, sizeof identity) && zeroed(&peer, sizeof peer) && zeroed(&enroller, sizeof enroller));
    CHECK(zeroed(&opener, sizeof opener) && zeroed(&ticket, sizeof ticket));
}

/* The same for what others say: with a device, sessions and a link, and nothing else. */
static void refuse_listening_arguments(void)
{
    uint8_t room[64] = { 0 };
    uint64_t number = 7;
    aseptic_slice none = { NULL, 1 }, one = { room, 1 }, long_name = { room, 65 };
    aseptic_buf out = { room, sizeof room, 7 };
    aseptic_opened opened;
    CHECK(aseptic_sessions_init(&sessions) == ASEPTIC_OK);
    CHECK(aseptic_sessions_commit(&sessions, &ticket) == ASEPTIC_MISUSE);
    CHECK(aseptic_sessions_end(&sessions, none) == ASEPTIC_MISUSE && aseptic_sessions_end(&sessions, one) == ASEPTIC_OK);
    CHECK(aseptic_sessions_open(&device, &sessions, NULL, one, NULL, &opened, &ticket) == ASEPTIC_MISUSE);
    CHECK(aseptic_sessions_open(&device, &sessions, NULL, one, &out, NULL, &ticket) == ASEPTIC_MISUSE);
    CHECK(aseptic_sessions_open(&device, &sessions, NULL, one, &out, &opened, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_sessions_open(&device, &sessions, NULL, one, &out, &opened, (aseptic_ticket *)(void *)&sessions)
          == ASEPTIC_MISUSE);
    CHECK(aseptic_link_init(&device, none, &station) == ASEPTIC_MISUSE);
    CHECK(aseptic_link_init(&device, long_name, &station) == ASEPTIC_MISUSE);
    CHECK(aseptic_link_init(&device, one, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_link_beat(&device, &station, &out) == ASEPTIC_MISUSE);
    CHECK(aseptic_link_init(&device, one, &station) == ASEPTIC_OK);
    CHECK(aseptic_link_beat(&device, &station, NULL) == ASEPTIC_MISUSE);
    out.cap = 7;
    CHECK(aseptic_link_beat(&device, &station, &out) == ASEPTIC_BUFFER_TOO_SMALL && out.len == 8);
    CHECK(aseptic_link_answered(&station, NULL) == ASEPTIC_MISUSE && aseptic_link_answered(&station, &ticket) == ASEPTIC_MISUSE);
    CHECK(aseptic_link_silent_until(&station, &number) == ASEPTIC_OK && number == 0);
    CHECK(aseptic_link_silent_until(&station, (uint64_t *)(void *)&station) == ASEPTIC_MISUSE);
    aseptic_link_wipe(&station);
    aseptic_sessions_wipe(&sessions);
    CHECK(aseptic_countersignature_verify(&device, NULL, none, one, &number) == ASEPTIC_MISUSE);
    CHECK(aseptic_countersignature_verify(&device, NULL, one, one, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_countersignature_verify(&device, NULL, one, one, &number) == ASEPTIC_MESSAGE_UNKNOWN_SENDER);
    CHECK(zeroed(&sessions, sizeof sessions) && zeroed(&station, sizeof station) && zeroed(&ticket, sizeof ticket));
}

/* A device that is ready, and everything else about the call missing. */
static void refuse_arguments(void)
{
    uint8_t room[8] = { 0 };
    aseptic_slice none = { NULL, 1 }, endless = { room, SIZE_MAX }, bytes = { room, sizeof room };
    aseptic_buf out = { room, sizeof room, 0 }, nowhere = { NULL, 1, 7 }, huge = { room, SIZE_MAX, 7 };
    aseptic_model model;
    aseptic_message message;
    aseptic_inventory_item item;
    aseptic_list_info told = { .size = 1 };
    uint64_t number = 7;
    uint32_t place = 0;
    (void)memset(&item, 7, sizeof item);
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
    CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_LOCAL, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_LOCAL, ODD(aseptic_identity)) == ASEPTIC_MISUSE);
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
    CHECK(aseptic_boot_provision(&device, none, 1, 1) == ASEPTIC_MISUSE);
    CHECK(aseptic_boot_provision(&device, bytes, 1, 1) == ASEPTIC_MISUSE);
    CHECK(aseptic_trust_version(&device, ASEPTIC_OWNER, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_trust_version(&device, 0, &number) == ASEPTIC_MISUSE && number == 0);
    CHECK(aseptic_trust_epoch(&device, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_trust_epoch(&device, &number) == ASEPTIC_OK && number == 0);
    item.size = (uint32_t)sizeof item;
    CHECK(aseptic_inventory_next(NULL, &work, NULL, 0, &place, &item) == ASEPTIC_MISUSE && item.key[31] == 0);
    CHECK(aseptic_inventory_next(ODD(aseptic_device), &work, NULL, 0, &place, &item) == ASEPTIC_MISUSE);
    CHECK(aseptic_inventory_next(&device, ODD(aseptic_workspace), NULL, 0, &place, &item) == ASEPTIC_MISUSE);
    CHECK(aseptic_inventory_warn(NULL, &work, NULL, 0, &number) == ASEPTIC_MISUSE && number == 0);
    CHECK(aseptic_inventory_next(&device, NULL, NULL, 0, &place, &item) == ASEPTIC_MISUSE && place == 0);
    CHECK(aseptic_inventory_next(&device, &work, NULL, 0, NULL, &item) == ASEPTIC_MISUSE);
    CHECK(aseptic_inventory_next(&device, &work, NULL, 0, &place, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_inventory_next(&device, &work, NULL, 0, &item.size, &item) == ASEPTIC_MISUSE);
    CHECK(aseptic_inventory_next(&device, &work, NULL, 0, &place, &item) == ASEPTIC_OK && place == 0);
    CHECK(item.kind == ASEPTIC_INVENTORY_END && item.size == (uint32_t)sizeof item);
    item.size = (uint32_t)sizeof item - 8;
    CHECK(aseptic_inventory_next(&device, &work, NULL, 0, &place, &item) == ASEPTIC_MISUSE);
    item.size = (uint32_t)sizeof item;
    CHECK(aseptic_inventory_next(&device, &work, NULL, 1, &place, &item) == ASEPTIC_MISUSE);
    CHECK(aseptic_inventory_next(&device, &work, &told, 17, &place, &item) == ASEPTIC_MISUSE);
    CHECK(aseptic_inventory_next(&device, &work, &told, 1, &place, &item) == ASEPTIC_MISUSE);
    told.size = (uint32_t)sizeof told;
    CHECK(aseptic_inventory_next(&device, &work, &told, 1, &told.size, &item) == ASEPTIC_MISUSE);
    CHECK(aseptic_inventory_next(&device, &work, &told, 1, &place, &item) == ASEPTIC_OK && place == 1);
    CHECK(item.kind == ASEPTIC_INVENTORY_LIST && item.serial_len == 20);
    CHECK(aseptic_inventory_warn(&device, &work, &told, 17, &number) == ASEPTIC_MISUSE);
    CHECK(aseptic_inventory_warn(&device, &work, NULL, 0, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_inventory_warn(&device, NULL, NULL, 0, &number) == ASEPTIC_MISUSE);
    CHECK(aseptic_inventory_warn(&device, &work, NULL, 0, &number) == ASEPTIC_OK);
    CHECK(aseptic_time_now(&device, &number, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_time_now(&device, NULL, room) == ASEPTIC_MISUSE);
    CHECK(aseptic_boot_verify(&device, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_grant(&device, 0, 1) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_deferral(&device, NULL, NULL) == ASEPTIC_MISUSE);
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

    refuse_all_seldom();
    refuse(NULL, NULL, NULL, NULL);
    refuse(&device, &identity, &sender, &update);
    refuse(ODD(aseptic_device), ODD(aseptic_identity), ODD(aseptic_sender), ODD(aseptic_update));
    CHECK(aseptic_device_init(&device, &platform, NULL) == ASEPTIC_OK);
    refuse_arguments();
    refuse_seldom_arguments();
    refuse_listening_arguments();
    /* One context is not another: each sort carries its own mark. */
    CHECK(aseptic_update_abandon((aseptic_device *)(void *)&update) == ASEPTIC_MISUSE);
    CHECK(aseptic_update_finish(&device, (aseptic_update *)(void *)&device) == ASEPTIC_MISUSE);
    CHECK(zeroed(words, sizeof words));
    CHECK(memory.changes == 0);
    aseptic_device_wipe(&device);
    aseptic_device_wipe(&device);
    CHECK(zeroed(&device, sizeof device));
    refuse(&device, &identity, &sender, &update);
    refuse_all_seldom();
    (void)printf("every function refuses NULL, misaligned, zeroed and wiped contexts\n");
    return 0;
}
