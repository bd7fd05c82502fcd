/* A device whose platform is files and whose network is the library's own, in the folder that is given. Factory and hospital sit
 * at the other end of standard input and output. */
#define ASEPTIC_HOSTED
#include "frames.h"

#include <string.h>

enum { SLOT_SIZE = 65536, PATIENCE_MS = 20000 };

static aseptic_device device;
static aseptic_workspace work;
static aseptic_identity identity;
static aseptic_peer peer;
static uint8_t room[ROOM];

static aseptic_slice text(const char *string)
{
    aseptic_slice slice = { (const uint8_t *)string, strlen(string) };
    return slice;
}

static aseptic_files *start(const char *folder)
{
    aseptic_files *files = NULL, *other = NULL;
    aseptic_platform platform;
    CHECK(aseptic_files_new(text(folder), text("an easily guessed secret"), SLOT_SIZE, &files) == ASEPTIC_SECRET_TOO_SHORT);
    CHECK(files == NULL);
    CHECK(aseptic_files_new(text(folder), text("0123456789abcdef0123456789abcdef"), 100, &files) == ASEPTIC_MISUSE);
    CHECK(aseptic_files_new(text(folder), text("0123456789abcdef0123456789abcdef"), SLOT_SIZE, &files) == ASEPTIC_OK);
    CHECK(aseptic_files_new(text(folder), text("0123456789abcdef0123456789abcdef"), SLOT_SIZE, &other)
          == ASEPTIC_FOLDER_BUSY);
    CHECK(other == NULL && aseptic_files_platform(NULL, &platform) == ASEPTIC_MISUSE);
    CHECK(aseptic_files_platform(files, NULL) == ASEPTIC_MISUSE);
    CHECK(aseptic_files_platform(files, &platform) == ASEPTIC_OK);
    CHECK(aseptic_device_init(&device, &platform, NULL) == ASEPTIC_OK);
    return files;
}

static uint8_t stage_of(uint8_t which)
{
    uint8_t found = 7;
    CHECK(aseptic_identity_stage(&device, which, &found) == ASEPTIC_OK);
    return found;
}

static uint8_t stage(void)
{
    return stage_of(ASEPTIC_IDENTITY_LOCAL);
}

/* The identity in use asks for its successor, which a person approves and a server of the owner takes. */
static void renew(aseptic_slice registrar, aseptic_slice server)
{
    static const char name[] = "est.hospital.example";
    aseptic_est_terms terms = { ASEPTIC_IDENTITY_FALLBACK, 0, 0, { 0 } };
    aseptic_est_terms wrong = { ASEPTIC_IDENTITY_LOCAL, 0, 0, { 0 } };
    aseptic_buf out = { room, sizeof room, 0 };
    aseptic_channel *channel = NULL;
    uint32_t wait = 7;
    CHECK(aseptic_est_enrol_with(&device, &work, &wrong, registrar, text(name), PATIENCE_MS, &wait) == ASEPTIC_MISUSE);
    CHECK(aseptic_est_enrol_with(&device, &work, NULL, registrar, text(name), PATIENCE_MS, &wait) == ASEPTIC_MISUSE);
    CHECK(stage_of(ASEPTIC_IDENTITY_SUCCESSOR) == ASEPTIC_STAGE_BLANK);
    CHECK(aseptic_est_enrol_with(&device, &work, &terms, registrar, text(name), PATIENCE_MS, &wait) == ASEPTIC_OK);
    CHECK(wait == 60 && stage() == ASEPTIC_STAGE_ACTIVE);
    CHECK(stage_of(ASEPTIC_IDENTITY_SUCCESSOR) == ASEPTIC_STAGE_PENDING);
    tell(NULL, 0);
    CHECK(hear(2).len == 0);
    CHECK(aseptic_est_enrol_with(&device, &work, &terms, registrar, text(name), PATIENCE_MS, &wait) == ASEPTIC_OK);
    CHECK(wait == 0 && stage() == ASEPTIC_STAGE_ACTIVE);
    CHECK(stage_of(ASEPTIC_IDENTITY_SUCCESSOR) == ASEPTIC_STAGE_PROBATION);
    CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_LOCAL, &identity) == ASEPTIC_OK);
    CHECK(aseptic_channel_connect(&device, &identity, server, text("net.hospital.example"), PATIENCE_MS, &channel, &peer)
          == ASEPTIC_OK);
    CHECK(aseptic_channel_write(channel, text("hello")) == ASEPTIC_OK);
    CHECK(aseptic_channel_read(channel, &out) == ASEPTIC_OK && out.len == 7 && memcmp(room, "welcome", 7) == 0);
    CHECK(aseptic_identity_confirm(&device, &work, &identity, &peer) == ASEPTIC_OK && stage() == ASEPTIC_STAGE_ACTIVE);
    CHECK(stage_of(ASEPTIC_IDENTITY_SUCCESSOR) == ASEPTIC_STAGE_BLANK);
    aseptic_channel_free(channel);
}

/* A session whose keys come from a KEM key as well, which the store of the owner pins. */
static void hybrid(void)
{
    static aseptic_sender sender;
    static aseptic_session session;
    static uint8_t key[1216];
    aseptic_buf out = { room, sizeof room, 0 };
    aseptic_message message = { ASEPTIC_TELEMETRY, 0, { 0 }, text("record-adapter-1"), text("text/plain"), { NULL, 0 } };
    uint8_t links = 0;
    CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_LOCAL, &identity) == ASEPTIC_OK);
    while (aseptic_identity_certificate(&device, &identity, links, &out) == ASEPTIC_OK) {
        links++;
    }
    tell(&links, 1);
    for (uint8_t link = 0; link < links; link++) {
        CHECK(aseptic_identity_certificate(&device, &identity, link, &out) == ASEPTIC_OK);
        tell(room, out.len);
    }
    aseptic_slice kem = hear(0), other = { key, sizeof key };
    CHECK(kem.len == sizeof key);
    (void)memcpy(key, kem.ptr, sizeof key);
    key[0] ^= 1;
    CHECK(aseptic_sender_init(&device, &sender) == ASEPTIC_OK);
    CHECK(aseptic_session_offer_hybrid(&device, &identity, &sender, &message, other, &session, &out) == ASEPTIC_KEY_INVALID);
    CHECK(aseptic_session_offer_hybrid(&device, &identity, &sender, &message, text("short"), &session, &out)
          == ASEPTIC_KEY_INVALID);
    other.ptr = room + 100;
    CHECK(aseptic_session_offer_hybrid(&device, &identity, &sender, &message, other, &session, &out) == ASEPTIC_MISUSE);
    message.recipient = text("pharmacy-1");
    CHECK(aseptic_session_offer_hybrid(&device, &identity, &sender, &message, kem, &session, &out) == ASEPTIC_NO_PURPOSE);
    message.recipient = text("record-adapter-1");
    CHECK(out.len == 0 && aseptic_session_seal(&device, &session, text("?"), &out) == ASEPTIC_MISUSE);
    out.cap = 0;
    CHECK(aseptic_session_offer_hybrid(&device, &identity, &sender, &message, kem, &session, &out)
          == ASEPTIC_BUFFER_TOO_SMALL);
    out.cap = out.len;
    CHECK(aseptic_session_offer_hybrid(&device, &identity, &sender, &message, kem, &session, &out) == ASEPTIC_OK);
    tell(room, out.len);
    out.cap = sizeof room;
    CHECK(aseptic_session_seal(&device, &session, text("flow 2.5 ml/h"), &out) == ASEPTIC_OK);
    tell(room, out.len);
    CHECK(aseptic_session_offer(&device, &identity, &sender, &message, &session, &out) == ASEPTIC_OK);
    tell(room, out.len);
    aseptic_session_wipe(&session);
    aseptic_sender_wipe(&sender);
}

int main(int count, char **words)
{
    aseptic_slice chain[CHAIN];
    aseptic_buf out = { room, sizeof room, 0 };
    aseptic_channel *channel = NULL;
    uint32_t wait = 7;
    uint8_t boot;
    static const uint8_t type[] = { 0x2B, 0x06, 0x01, 0x04, 0x01, 0x83, 0xBD, 0x1F, 0x01 };
    aseptic_device_name name = { text("PUMP-0001"), { type, sizeof type }, text("board 1"), { NULL, 0 } };
    CHECK(count == 2);

    aseptic_files *files = start(words[1]);
    CHECK(aseptic_boot_state(&device, &boot) == ASEPTIC_OK && boot == ASEPTIC_BOOT_CONFIRMED);
    CHECK(aseptic_trust_install(&device, ASEPTIC_MANUFACTURER, hear(0), ASEPTIC_PRESENCE_CONFIRMED) == ASEPTIC_OK);
    CHECK(aseptic_birth_request(&device, &work, &name, &out) == ASEPTIC_OK);
    tell(out.ptr, out.len);
    size_t links = hear_chain(chain);
    CHECK(aseptic_birth_install(&device, &work, chain, links) == ASEPTIC_OK);
    CHECK(aseptic_trust_install(&device, ASEPTIC_OWNER, hear(0), ASEPTIC_PRESENCE_CONFIRMED) == ASEPTIC_OK);

    aseptic_slice registrar = hear(3), address;
    CHECK(aseptic_est_enrol(&device, &work, text("127.0.0.1:1"), text("est.hospital.example"), PATIENCE_MS, &wait)
          == ASEPTIC_NETWORK_FAILED);
    CHECK(wait == 0 && stage() == ASEPTIC_STAGE_KEYED);
    CHECK(aseptic_est_enrol(&device, &work, registrar, text("est.hospital.example"), PATIENCE_MS, &wait) == ASEPTIC_OK);
    CHECK(wait == 60);
    tell(NULL, 0);
    CHECK(hear(1).len == 0);
    CHECK(aseptic_est_enrol(&device, &work, registrar, text("est.hospital.example"), PATIENCE_MS, &wait) == ASEPTIC_OK);
    CHECK(wait == 0 && stage() == ASEPTIC_STAGE_PROBATION);

    CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_BIRTH, &identity) == ASEPTIC_OK);
    address = hear(0);
    CHECK(aseptic_channel_connect(&device, &identity, address, text("net.hospital.example"), PATIENCE_MS, &channel, &peer)
          == ASEPTIC_KEY_WRONG_USE);
    CHECK(channel == NULL);
    CHECK(aseptic_identity_load(&device, ASEPTIC_IDENTITY_LOCAL, &identity) == ASEPTIC_OK);
    CHECK(aseptic_channel_connect(&device, &identity, text("127.0.0.1:1"), text("net.hospital.example"), PATIENCE_MS,
                                  &channel, &peer) == ASEPTIC_NETWORK_FAILED);
    CHECK(aseptic_channel_connect(&device, &identity, address, text("net.hospital.example"), PATIENCE_MS, &channel, &peer)
          == ASEPTIC_OK);
    CHECK(aseptic_channel_write(channel, text("hello")) == ASEPTIC_OK);
    CHECK(aseptic_channel_read(channel, &out) == ASEPTIC_OK && out.len == 7 && memcmp(room, "welcome", 7) == 0);
    CHECK(aseptic_channel_read(channel, &out) == ASEPTIC_OK && out.len == 0);
    CHECK(aseptic_identity_confirm(&device, &work, &identity, &peer) == ASEPTIC_OK && stage() == ASEPTIC_STAGE_ACTIVE);
    CHECK(aseptic_channel_write(NULL, text("hello")) == ASEPTIC_MISUSE);
    CHECK(aseptic_channel_read(NULL, &out) == ASEPTIC_MISUSE);
    aseptic_channel_free(channel);
    aseptic_channel_free(NULL);
    tell(NULL, 0);
    CHECK(hear(1).len == 0);
    renew(registrar, address);
    hybrid();

    aseptic_device_wipe(&device);
    aseptic_files_free(files);
    aseptic_files_free(NULL);
    CHECK(aseptic_files_new(text(words[1]), text("another secret of sufficient length"), SLOT_SIZE, &files)
          == ASEPTIC_SECRET_WRONG);
    files = start(words[1]);
    CHECK(stage() == ASEPTIC_STAGE_ACTIVE);
    aseptic_peer_wipe(&peer);
    aseptic_identity_wipe(&identity);
    aseptic_device_wipe(&device);
    aseptic_files_free(files);
    tell((const uint8_t *)"lived", 5);
    return 0;
}
