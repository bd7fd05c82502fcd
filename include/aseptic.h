/* aseptic: device security for medical devices. The C interface.
 *
 * This file is generated from crates/ffi by `cargo xtask header`; do not edit it.
 *
 * WHAT IT IS. One library keeps a device's identity, what it trusts, its messages and its software. No call of it can stop
 * therapy, and no therapy code ever has to wait for one: call it from the task of lowest priority, and see
 * TIME OF A CALL.
 *
 * CONCEPTS. Two authorities: the manufacturer vouches for births and for software, the owner for everything that happens in
 * the hospital. Each has a signed trust store on the device, and neither grants what is the other's. A device has a birth
 * identity, which may enrol with an owner and nothing else, and a local identity, which the owner gives it by enrolment and
 * which signs messages. Software comes as a signed envelope (SUIT) and an image, goes into the slot that does not run, and is
 * kept only when it has confirmed itself.
 *
 * TIERS. One header for all builds; a function that a build leaves out is missed by the linker.
 *   Boot    in every build: what a boot loader needs, verified updates
 *   Device  feature `device`: identity, enrolment, messages
 *   Hosted  feature `hosted`, with ASEPTIC_HOSTED defined: files, TLS and EST where there is an operating system
 *
 * LIFE CYCLE. All functions, in the order in which a device meets them. A call out of order answers ASEPTIC_MISUSE and changes
 * nothing.
 *   Boot tier
 *     any time            aseptic_abi_version, aseptic_version; aseptic_status_cause, aseptic_status_remedy,
 *                         aseptic_status_blame
 *     at every start      aseptic_device_init over a table of platform functions, and one of engines if it has any;
 *                         aseptic_device_wipe at the end; aseptic_device_set_use whenever the bedside changes
 *     once an authority   aseptic_trust_install, by a person at the device
 *     ever after          aseptic_trust_update; aseptic_trust_version, aseptic_trust_epoch, aseptic_time_now to look
 *     at the factory      aseptic_boot_provision
 *     in the boot loader  aseptic_boot_verify
 *     at every start      aseptic_boot_state, and aseptic_boot_confirm after a self-test
 *     for an update       aseptic_update_begin, aseptic_update_begin_with for what owner and maker say beside it,
 *                         aseptic_update_step, aseptic_update_offset, aseptic_update_part,
 *                         aseptic_update_invoke_arguments, aseptic_update_feed, aseptic_update_finish,
 *                         aseptic_update_activate, aseptic_update_wipe; aseptic_update_abandon to forget it
 *     any time            aseptic_update_hold for the owner's veto; aseptic_update_grant, aseptic_update_deferral for the
 *                         bedside
 *   Device tier
 *     at the factory      aseptic_udi_check, aseptic_birth_request, aseptic_birth_install
 *     at each new list    aseptic_list_begin, aseptic_list_step, aseptic_list_accept, aseptic_list_wipe
 *     certificate files   aseptic_certificate_import
 *     at each connection  aseptic_peer_verify when TLS has the other side's chain, or aseptic_peer_verify_listed with
 *                         revocation lists that were read for it; aseptic_peer_name, aseptic_peer_degraded,
 *                         aseptic_peer_wipe; aseptic_peer_finding to tell why not
 *     at every start      aseptic_identity_tidy, aseptic_identity_check_hardware, aseptic_identity_stage,
 *                         aseptic_identity_load, aseptic_identity_name, aseptic_identity_certificate and
 *                         aseptic_identity_sign for TLS, aseptic_identity_confirm after it, aseptic_identity_wipe
 *     with an owner       aseptic_enroller_begin, aseptic_enroller_begin_with to renew, aseptic_enroller_connected,
 *                         aseptic_enroller_step, aseptic_enroller_wipe
 *     once an hour        aseptic_renewal_next says whether to renew
 *     at the end          aseptic_device_decommission; aseptic_device_tombstone to look
 *     once a day          aseptic_inventory_next to look, aseptic_inventory_warn to be told
 *     messages out        aseptic_sender_init, or aseptic_sender_start_over where the numbers cannot be read any
 *                         more; aseptic_message_seal, aseptic_sender_wipe
 *     about updates       aseptic_update_account once one has begun, aseptic_update_account_deferrals before it is activated,
 *                         aseptic_update_refused if it is given up; aseptic_update_report for whoever keeps the fleet
 *     store and forward   aseptic_outbox_init, aseptic_outbox_put, aseptic_outbox_next, aseptic_outbox_settle,
 *                         aseptic_outbox_retry, aseptic_outbox_count, aseptic_outbox_erase, aseptic_outbox_wipe
 *     small and frequent  aseptic_session_offer, or aseptic_session_offer_hybrid in the Hosted tier for secrets that
 *                         outlive today's cryptography; aseptic_session_seal, aseptic_session_number,
 *                         aseptic_session_wipe
 *     messages in         aseptic_agreement_public, aseptic_agreement_renew; aseptic_opener_init, or
 *                         aseptic_opener_start_over where its record cannot be read any more;
 *                         aseptic_opener_challenge, aseptic_message_open, aseptic_message_commit, aseptic_opener_forget, aseptic_opener_wipe,
 *                         aseptic_ticket_wipe
 *     sessions of others  aseptic_sessions_init, aseptic_sessions_accept for an offer that was opened,
 *                         aseptic_sessions_open, aseptic_sessions_commit, aseptic_sessions_end, aseptic_sessions_wipe
 *     what became of it   aseptic_report_verify for what was sent, aseptic_report_sign for what was opened
 *     who alarms          aseptic_link_init, aseptic_link_beat, aseptic_link_answered, aseptic_link_silent_until,
 *                         aseptic_link_wipe
 *     through whose hands aseptic_countersignature_verify to look, aseptic_countersignature_add for who
 *                         carries
 *   Hosted tier
 *     at every start      aseptic_files_new and aseptic_files_platform in place of a table of the program's own,
 *                         aseptic_files_free
 *     at each connection  aseptic_channel_connect, aseptic_channel_judge, aseptic_channel_read, aseptic_channel_write,
 *                         aseptic_channel_free
 *     with an owner       aseptic_est_enrol, aseptic_est_enrol_with to renew
 *   Porting, feature `selftest`
 *     on the bench        aseptic_selftest_run; aseptic_selftest_problem, aseptic_selftest_remedy
 *
 * TLS. In the Device tier TLS is the program's own. When it asks whether the chain of its peer is good, aseptic_peer_verify
 * judges; TLS checks that the peer has the key. The device's certificates come from aseptic_identity_certificate, its
 * signature from aseptic_identity_sign, which wants the verdict about the peer. A connection that carries anything but
 * enrolment shows the local identity.
 *
 * TIME. The clock of the table is believed as far as it says it can be. What is proven by signed dates is kept: it is never
 * earlier than that, whatever the clock says, and nothing unsigned moves it. A device without a clock is a normal device.
 *
 * MEMORY. The caller owns all of it. Contexts are opaque and of fixed size; zero one before its first use, and do not move or
 * copy it before its _wipe. A workspace is plain memory that holds nothing between two calls. The library allocates nothing and
 * keeps no pointer after a call returns, but those in the two tables. Inputs come first, outputs last, and an output overlaps
 * nothing else that is passed: where one does, the answer is ASEPTIC_MISUSE and nothing is written. After an error outputs are zeroed, contexts that were to be made among them; where zero would
 * say that all is well, the function names what stands there instead. After ASEPTIC_BUFFER_TOO_SMALL `len` says how much is
 * needed; a buffer with `cap` 0 is a size query and changes no state. NULL, misaligned, zeroed and wiped arguments answer
 * ASEPTIC_MISUSE.
 *
 * STATUS. 0 is ASEPTIC_OK. Every other number is one reason, the same in the log and in the manual, and is never reused:
 * 1xx platform and records, 2xx formats and cryptography, 3xx trust, 4xx certificates, 5xx identity, 6xx messages, 7xx updates.
 * aseptic_status_blame says who must act. After a refusal all stored state is as it was, to the bit.
 *
 * VERDICTS. What was verified is an opaque object that the next call asks for. Zeroed memory is never a valid one.
 *
 * THREADS. Two device contexts are independent. One context, with all that was made from it, may be used by one thread at a
 * time. Platform functions are called on the calling thread and must not call the library; one that does so with a context
 * in use is answered ASEPTIC_MISUSE, and one that makes it anew as well. So is the program itself where a task was killed within
 * a call: zero the context then, and make it again. Nothing may be called from an interrupt.
 *
 * INTERRUPTS. Platform functions may be interrupted at any instruction. An interrupt that fires while the library runs finds
 * no lock of the library's, for it has none; it may touch nothing that the platform functions touch.
 *
 * TIME OF A CALL. The most that each function took in a whole life (birth, enrolment, messages of some bytes, an image of 20 KB),
 * and the deepest stack below its call, on an emulated Cortex-M4 with the built-in cryptography and a flash that takes no time;
 * in milliseconds with 1.2 cycles an instruction. Engines of the chip shorten what computes, its flash lengthens what stores. A
 * KiB more of a message or an image is some 65,000 instructions more wherever it is hashed. What is not in the table takes less
 * than 1 ms, a hosted function what its network takes. Images, and revocation lists, are read in steps.
 * No instruction of the library masks interrupts.
 *                                instructions   at 64 MHz   at 120 MHz   stack
 *   aseptic_device_decommission   51,000,000      957 ms       510 ms    8600
 *   aseptic_peer_finding          43,000,000      807 ms       430 ms   24100
 *   aseptic_peer_verify_listed    43,000,000      807 ms       430 ms   23200
 *   aseptic_message_seal          41,000,000      769 ms       410 ms   10400
 *   aseptic_session_offer         41,000,000      769 ms       410 ms   11500
 *   aseptic_birth_request         32,000,000      600 ms       320 ms    6400
 *   aseptic_message_open          29,000,000      544 ms       290 ms   10300
 *   aseptic_agreement_renew       27,000,000      507 ms       270 ms    4800
 *   aseptic_outbox_next           27,000,000      507 ms       270 ms    8600
 *   aseptic_enroller_begin_with   21,000,000      394 ms       210 ms    6700
 *   aseptic_update_begin          21,000,000      394 ms       210 ms   11200
 *   aseptic_update_begin_with     21,000,000      394 ms       210 ms   11200
 *   aseptic_enroller_begin        20,000,000      375 ms       200 ms    6400
 *   aseptic_agreement_public      19,000,000      357 ms       190 ms    4600
 *   aseptic_enroller_step         18,000,000      338 ms       180 ms   17400
 *   aseptic_birth_install         17,000,000      319 ms       170 ms   16100
 *   aseptic_trust_update          17,000,000      319 ms       170 ms    9500
 *   aseptic_update_report         17,000,000      319 ms       170 ms    8800
 *   aseptic_outbox_put            16,000,000      300 ms       160 ms    8800
 *   aseptic_peer_verify           16,000,000      300 ms       160 ms   16300
 *   aseptic_trust_install         16,000,000      300 ms       160 ms    9200
 *   aseptic_countersignature_verify 15,000,000      282 ms       150 ms    8600
 *   aseptic_list_accept           15,000,000      282 ms       150 ms   12700
 *   aseptic_outbox_init           15,000,000      282 ms       150 ms    4400
 *   aseptic_outbox_settle         15,000,000      282 ms       150 ms   11900
 *   aseptic_report_verify         15,000,000      282 ms       150 ms   11700
 *   aseptic_countersignature_add  14,000,000      263 ms       140 ms    6800
 *   aseptic_identity_sign         13,000,000      244 ms       130 ms    5300
 *   aseptic_outbox_erase          13,000,000      244 ms       130 ms    4500
 *   aseptic_report_sign           13,000,000      244 ms       130 ms   12500
 *   aseptic_identity_tidy          8,100,000      152 ms        81 ms    2700
 *   aseptic_boot_confirm           5,700,000      107 ms        57 ms    5100
 *   aseptic_boot_verify            4,300,000       81 ms        43 ms    5700
 *   aseptic_inventory_next         3,300,000       62 ms        33 ms    8000
 *   aseptic_inventory_warn         3,300,000       62 ms        33 ms    8200
 *   aseptic_update_activate        3,200,000       60 ms        32 ms    5400
 *   aseptic_renewal_next           3,100,000       59 ms        31 ms    5000
 *   aseptic_boot_provision         2,900,000       55 ms        29 ms    5100
 *   aseptic_identity_confirm       2,700,000       51 ms        27 ms    4200
 *   aseptic_update_account_deferrals  2,700,000       51 ms        27 ms    6900
 *   aseptic_update_abandon         2,500,000       47 ms        25 ms    4900
 *   aseptic_identity_load          2,300,000       44 ms        23 ms    5000
 *   aseptic_identity_stage         2,100,000       40 ms        21 ms    4600
 *   aseptic_update_account         2,000,000       38 ms        20 ms    7600
 *   aseptic_sender_start_over      1,900,000       36 ms        19 ms    4500
 *   aseptic_enroller_connected     1,700,000       32 ms        17 ms    7800
 *   aseptic_identity_check_hardware  1,700,000       32 ms        17 ms    4200
 *   aseptic_identity_certificate   1,600,000       30 ms        16 ms    4700
 *   aseptic_opener_start_over      1,600,000       30 ms        16 ms    6700
 *   aseptic_update_feed            1,500,000       29 ms        15 ms    1400
 *   aseptic_sender_init            1,400,000       27 ms        14 ms    4400
 *   aseptic_sessions_accept        1,400,000       27 ms        14 ms    7000
 *   aseptic_sessions_open          1,400,000       27 ms        14 ms    8000
 *   aseptic_trust_version          1,400,000       27 ms        14 ms    6200
 *   aseptic_update_hold            1,400,000       27 ms        14 ms    7700
 *   aseptic_trust_epoch            1,300,000       25 ms        13 ms    6200
 *   aseptic_session_seal           1,200,000       23 ms        12 ms    6600
 *   aseptic_boot_state             1,100,000       21 ms        11 ms    4900
 *   aseptic_opener_init              980,000       19 ms        10 ms    5300
 *   aseptic_message_commit           850,000       16 ms         9 ms    7000
 *   aseptic_update_step              740,000       14 ms         8 ms    6000
 *   aseptic_update_refused           710,000       14 ms         8 ms    4200
 *   aseptic_opener_forget            510,000       10 ms         6 ms    7200
 *   aseptic_device_tombstone         420,000        8 ms         5 ms    2900
 *   aseptic_time_now                 270,000        6 ms         3 ms    1900
 *   aseptic_list_step                 82,000        2 ms         1 ms    4500
 *
 * POWER LOSS. At any moment. Each function says what holds afterwards; the next start finishes what was interrupted.
 */

#ifndef ASEPTIC_H
#define ASEPTIC_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define ASEPTIC_MUST_USE __attribute__((warn_unused_result))
#else
#define ASEPTIC_MUST_USE
#endif


/**
 * Rises when a program built against an older header would no longer run.
 */
#define ASEPTIC_ABI_VERSION 1

/**
 * Idle: no patient depends on the device now.
 */
#define ASEPTIC_USE_IDLE 0

/**
 * Therapy or monitoring runs. The state after `aseptic_device_init`, until the program says otherwise.
 */
#define ASEPTIC_USE_IN_USE 1

/**
 * An alarm is active.
 */
#define ASEPTIC_USE_ALARM 2

/**
 * Emergency operation.
 */
#define ASEPTIC_USE_EMERGENCY 3

/**
 * Trust store of the maker of the device.
 */
#define ASEPTIC_MANUFACTURER 1

/**
 * Trust store of the hospital or person that runs the device.
 */
#define ASEPTIC_OWNER 2

/**
 * A person stands at the device and confirmed; never pass it for anything that came over a network.
 */
#define ASEPTIC_PRESENCE_CONFIRMED 1347568979

/**
 * The seconds mean nothing.
 */
#define ASEPTIC_TIME_UNKNOWN 0

/**
 * It is this late or later.
 */
#define ASEPTIC_TIME_AT_LEAST 1

/**
 * It is this time, within the tolerance that the program's clock answers for.
 */
#define ASEPTIC_TIME_TRUSTED 2

/**
 * The confirmed image runs.
 */
#define ASEPTIC_BOOT_CONFIRMED 1

/**
 * A new image runs on trial: confirm it, or restart and be back on the old one.
 */
#define ASEPTIC_BOOT_TRIAL 2

/**
 * The new image was not confirmed; the old one runs again.
 */
#define ASEPTIC_BOOT_REVERTED 3

/**
 * A confirmation was interrupted and is complete now; restart when idle.
 */
#define ASEPTIC_BOOT_RESTART 4

/**
 * The confirmed image is damaged and the other one runs; install again.
 */
#define ASEPTIC_BOOT_FALLBACK 5

/**
 * Slot 0 may run. A word and not a flag: one flipped bit or skipped instruction makes no slot of it.
 */
#define ASEPTIC_START_A 1016505690

/**
 * Slot 1 may run.
 */
#define ASEPTIC_START_B 3278461605

/**
 * Bytes into the slot that does not run.
 */
#define ASEPTIC_PERMISSION_DOWNLOAD 1

/**
 * Erasing that slot, and staging what came.
 */
#define ASEPTIC_PERMISSION_INSTALL 2

/**
 * The selection of the new image.
 */
#define ASEPTIC_PERMISSION_ACTIVATE 3

/**
 * The update was fetched from a server.
 */
#define ASEPTIC_SOURCE_NETWORK 1

/**
 * The update was brought on a medium by a person.
 */
#define ASEPTIC_SOURCE_MEDIUM 2

/**
 * A newer list is not due yet, as far as the device can tell.
 */
#define ASEPTIC_LIST_FRESH 0

/**
 * A newer list was due within the last thirty days.
 */
#define ASEPTIC_LIST_AGEING 1

/**
 * A newer list was due before that.
 */
#define ASEPTIC_LIST_STALE 2

/**
 * The registrar, asked for certificates in an enrolment.
 */
#define ASEPTIC_PURPOSE_ENROLMENT 3

/**
 * A server of the owner, to which the device connects.
 */
#define ASEPTIC_PURPOSE_NETWORK 4

/**
 * The finding is about a certificate of the chain.
 */
#define ASEPTIC_FINDING_CHAIN 0

/**
 * The finding is about an anchor.
 */
#define ASEPTIC_FINDING_ANCHOR 1

/**
 * Nothing is there, or nothing may be.
 */
#define ASEPTIC_VALUE_ABSENT 0

/**
 * Something is there, and it is not shown.
 */
#define ASEPTIC_VALUE_PRESENT 1

/**
 * A number, in `number`.
 */
#define ASEPTIC_VALUE_NUMBER 2

/**
 * Seconds since 1970, in `number`.
 */
#define ASEPTIC_VALUE_TIME 3

/**
 * UTF-8 text, in `bytes`: of the certificate, or a statement of the profile.
 */
#define ASEPTIC_VALUE_TEXT 4

/**
 * Bytes of the certificate (an identifier, a serial number, a name in DER), in `bytes`.
 */
#define ASEPTIC_VALUE_BYTES 5

/**
 * The identity that the maker gave. It may enrol with an owner and nothing else.
 */
#define ASEPTIC_IDENTITY_BIRTH 1

/**
 * The identity that the owner gave: the one on probation, so that it can prove itself, else the active one.
 */
#define ASEPTIC_IDENTITY_LOCAL 2

/**
 * What is to replace the local identity; for `aseptic_identity_stage` alone.
 */
#define ASEPTIC_IDENTITY_SUCCESSOR 3

/**
 * The active local identity, where the one on probation was turned down; for `aseptic_identity_load` alone.
 */
#define ASEPTIC_IDENTITY_FALLBACK 4

/**
 * Nothing is there.
 */
#define ASEPTIC_STAGE_BLANK 0

/**
 * A key is there.
 */
#define ASEPTIC_STAGE_KEYED 1

/**
 * The request of the birth identity is made; its certificate is awaited.
 */
#define ASEPTIC_STAGE_REQUESTED 2

/**
 * The request of a local identity is made; the registrar's answer is awaited.
 */
#define ASEPTIC_STAGE_PENDING 3

/**
 * The certificate is stored, and has not been part of a mutually authenticated handshake yet.
 */
#define ASEPTIC_STAGE_PROBATION 4

/**
 * In use.
 */
#define ASEPTIC_STAGE_ACTIVE 5

/**
 * Send the request of the action, then step with its answer; or with NULL, if none came, for the same request again.
 */
#define ASEPTIC_ENROL_REQUEST 1

/**
 * The registrar wants time, perhaps for a person to approve: step with NULL after `wait_seconds`, or begin anew after a
 * restart.
 */
#define ASEPTIC_ENROL_WAIT 2

/**
 * The new identity is stored, on probation until `aseptic_identity_confirm`.
 */
#define ASEPTIC_ENROL_DONE 3

/**
 * Peers said nothing about the certificate.
 */
#define ASEPTIC_HINT_NONE 0

/**
 * The registrar wants it renewed between `window_start` and `window_end`.
 */
#define ASEPTIC_HINT_WINDOW 1

/**
 * A server of the owner turned it down as expired, revoked or unknown.
 */
#define ASEPTIC_HINT_TURNED_DOWN 2

/**
 * Nothing for `seconds`.
 */
#define ASEPTIC_RENEW_WAIT 1

/**
 * Enrol or renew now, with `identity` as in `aseptic_est_terms`.
 */
#define ASEPTIC_RENEW_NOW 2

/**
 * It is due, but the device is in use: ask again when that ends.
 */
#define ASEPTIC_RENEW_DEFERRED 3

/**
 * There is no further item.
 */
#define ASEPTIC_INVENTORY_END 0

/**
 * An anchor of a trust store.
 */
#define ASEPTIC_INVENTORY_ANCHOR 1

/**
 * A certificate for a key of this device.
 */
#define ASEPTIC_INVENTORY_OWN 2

/**
 * A certificate above one of the device's own.
 */
#define ASEPTIC_INVENTORY_INTERMEDIATE 3

/**
 * A revocation list.
 */
#define ASEPTIC_INVENTORY_LIST 4

/**
 * Class of observations.
 */
#define ASEPTIC_TELEMETRY 6

/**
 * Class of alarms.
 */
#define ASEPTIC_ALARM 7

/**
 * Class of audit records.
 */
#define ASEPTIC_AUDIT 8

/**
 * Class of commands that change therapy; only ever received.
 */
#define ASEPTIC_COMMAND 9

/**
 * Class of configuration and drug libraries; only ever received.
 */
#define ASEPTIC_CONFIGURATION 10

/**
 * The message follows the one that was opened before it.
 */
#define ASEPTIC_ORDER_NEXT 1

/**
 * A message with a higher number was opened before this one.
 */
#define ASEPTIC_ORDER_LATE 2

/**
 * `missing` numbers before this one have not been seen.
 */
#define ASEPTIC_ORDER_GAP 3

/**
 * It may have been handed over before the last start of this device: look for `stream`, `epoch` and `sequence` among what is
 * stored.
 */
#define ASEPTIC_ORDER_UNCERTAIN 4

/**
 * No session of this sender and class was known here. `messages` is how many its sender has sent since it was started: compare with
 * those that are stored.
 */
#define ASEPTIC_EARLIER_FIRST 1

/**
 * `messages` that were sent after the last one that was committed here are lost.
 */
#define ASEPTIC_EARLIER_CONTINUED 2

/**
 * The sender was started anew, or counts anew. `messages` of the new count are lost, and whether it had sent any after the last one
 * that was committed here nobody knows.
 */
#define ASEPTIC_EARLIER_RESTARTED 3

/**
 * The program slot that is not running may be erased and written to.
 */
#define ASEPTIC_SELFTEST_DANGER_OTHER_IMAGE 1

/**
 * Power is back: what `power_cut` is called with after each cut.
 */
#define ASEPTIC_SELFTEST_POWER_BACK UINT32_MAX

#if defined(ASEPTIC_HOSTED)
/**
 * A connection to a server of the owner: TLS 1.3, both sides authenticated.
 */
typedef struct aseptic_channel aseptic_channel;
#endif

#if defined(ASEPTIC_HOSTED)
/**
 * All that a device stores, in one folder that is locked for as long as this lives: slots and counters sealed, keys
 * encrypted.
 */
typedef struct aseptic_files aseptic_files;
#endif

/**
 * Bytes to read. `ptr` may be NULL only where `len` is 0.
 */
typedef struct {
  /**
   * First byte.
   */
  const uint8_t *ptr;
  /**
   * Number of bytes.
   */
  size_t len;
} aseptic_slice;

/**
 * 0 (`ASEPTIC_OK`) or the number of a reason. Numbers are never reused; `aseptic_status_cause` has the texts.
 */
typedef int32_t aseptic_status;

/**
 * The root object: platform, cryptography and trust of one device, in the caller's memory. Opaque.
 */
typedef struct {
  uint64_t _opaque[1248];
} aseptic_device;

/**
 * What the firmware provides. Functions are called on the thread that called the library, may block, must not call the
 * library, and answer `ASEPTIC_OK` or one of the `ASEPTIC_PLATFORM_...` numbers. The table is copied by `aseptic_device_init`;
 * `ctx` is handed to each function as it is.
 */
typedef struct {
  /**
   * `sizeof(aseptic_platform)`: tells the library which entries this program knows.
   */
  uint32_t size;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * Handed to each function.
   */
  void *ctx;
  /**
   * Required. Fills all of `out` with full-entropy bytes, or fails.
   */
  aseptic_status (*entropy_fill)(void *ctx, uint8_t *out, size_t len);
  /**
   * Required. The wall clock in seconds since 1970, and its worth: 0 unknown, 1 at least this late, 2 trusted.
   */
  aseptic_status (*clock_now)(void *ctx, uint64_t *seconds, uint8_t *trust);
  /**
   * Required. Milliseconds since boot; never steps back.
   */
  uint64_t (*clock_uptime)(void *ctx);
  /**
   * Required, all of `store_...` together, unless `flash_...` is there. Copies the blob of `slot` to `out` and its length to `len`. Nothing there: `ASEPTIC_PLATFORM_NOT_FOUND`.
   */
  aseptic_status (*store_load)(void *ctx, uint16_t slot, uint8_t *out, size_t cap, size_t *len);
  /**
   * Replaces the blob, of up to 8192 bytes. After power loss the slot holds the old blob or the new one.
   */
  aseptic_status (*store_save)(void *ctx, uint16_t slot, const uint8_t *bytes, size_t len);
  /**
   * Removes the blob; removing what is not there succeeds. Slots from 256 on hold private keys: no copy of the bytes stays
   * on the medium, as far as the medium allows.
   */
  aseptic_status (*store_erase)(void *ctx, uint16_t slot);
  /**
   * Required, both together, unless `flash_...` is there. The value of a counter; one never advanced reads 0.
   */
  aseptic_status (*counter_read)(void *ctx, uint8_t counter, uint64_t *value);
  /**
   * Moves a counter up to `value`, never down; a lower one changes nothing and succeeds. After power loss it holds the old value or the new one.
   */
  aseptic_status (*counter_advance)(void *ctx, uint8_t counter, uint64_t value);
  /**
   * Optional. 1 if writing the flash back does not step the counters back; NULL means 0.
   */
  uint8_t (*counter_hardware)(void *ctx);
  /**
   * Optional, all of `key_...` together. NULL: the library keeps software keys in the store, as safe as the store is.
   * Makes a private key; `alg` 1 P-256, 2 Ed25519, 3 X25519; `usage` 1 sign, 2 agree. `ASEPTIC_PLATFORM_DENIED` if taken.
   */
  aseptic_status (*key_generate)(void *ctx, uint32_t key, uint8_t alg, uint8_t usage);
  /**
   * The public key (65 bytes for P-256, SEC 1 uncompressed, else 32), its algorithm and usage.
   */
  aseptic_status (*key_public)(void *ctx,
                               uint32_t key,
                               uint8_t *out,
                               size_t cap,
                               size_t *len,
                               uint8_t *alg,
                               uint8_t *usage);
  /**
   * Signs a digest of 32 bytes (P-256: SHA-256 of the message); the signature is r and s, 64 bytes.
   */
  aseptic_status (*key_sign_digest)(void *ctx, uint32_t key, const uint8_t *digest, uint8_t *signature);
  /**
   * The Diffie-Hellman secret with `peer`, 32 bytes.
   */
  aseptic_status (*key_agree)(void *ctx, uint32_t key, const uint8_t *peer, size_t len, uint8_t *secret);
  /**
   * The lowest key above `after`; 0 if there is none.
   */
  aseptic_status (*key_next)(void *ctx, uint32_t after, uint32_t *key);
  /**
   * Removes a key beyond recovery, also one whose entry is damaged.
   */
  aseptic_status (*key_destroy)(void *ctx, uint32_t key);
  /**
   * Optional, all of `image_...` together: the two program slots, 0 and 1. NULL: this device takes no updates.
   * Size of a slot, unit of erasing, unit of writing (at most 32), in bytes.
   */
  aseptic_status (*image_geometry)(void *ctx, uint8_t slot, uint64_t *size, uint32_t *erase, uint32_t *write);
  /**
   * Erases a range of whole erase units.
   */
  aseptic_status (*image_erase)(void *ctx, uint8_t slot, uint64_t offset, uint64_t len);
  /**
   * Writes to erased bytes.
   */
  aseptic_status (*image_write)(void *ctx, uint8_t slot, uint64_t offset, const uint8_t *bytes, size_t len);
  /**
   * Reads from the medium itself.
   */
  aseptic_status (*image_read)(void *ctx, uint8_t slot, uint64_t offset, uint8_t *out, size_t len);
  /**
   * The slot that is running.
   */
  aseptic_status (*image_running)(void *ctx, uint8_t *slot);
  /**
   * Chooses the slot of the next boot; `mode` 1 once on trial, 2 from now on.
   */
  aseptic_status (*image_select)(void *ctx, uint8_t slot, uint8_t mode);
  /**
   * Optional. Takes note of an event: its number, and a value that goes with it.
   */
  void (*on_event)(void *ctx, aseptic_status reason, uint64_t detail);
  /**
   * Optional, all of `flash_...` together: an area of NOR flash that belongs to the library, addressed from 0. With it all of
   * `store_...`, or all of `counter_...`, or both may be NULL: the library then keeps them in this area, old or new after a
   * power cut at any operation. The area is erased when the device is made.
   * Size of the area, unit of erasing (a power of two, at least 256; two or more in the area), unit of programming (a power of
   * two, at most 32), in bytes. Always the same for one device.
   */
  aseptic_status (*flash_geometry)(void *ctx, uint32_t *size, uint32_t *erase, uint32_t *program);
  /**
   * Reads from the medium itself. `ASEPTIC_PLATFORM_CORRUPT` for bytes that the error correction gives up, as a torn write
   * leaves them, and for nothing else.
   */
  aseptic_status (*flash_read)(void *ctx, uint32_t at, uint8_t *out, size_t len);
  /**
   * Programs erased bytes; `at` and `len` are multiples of the unit, the range crosses no multiple of 256, `bytes` is aligned to
   * 8, and no unit is programmed again before it was erased. Done when it returns.
   */
  aseptic_status (*flash_program)(void *ctx, uint32_t at, const uint8_t *bytes, size_t len);
  /**
   * Erases the one unit that begins at `at`, to bytes of 0xFF. Done when it returns.
   */
  aseptic_status (*flash_erase)(void *ctx, uint32_t at);
} aseptic_platform;

/**
 * The engines that the firmware brings, in hardware or software. Every entry is optional: NULL leaves it to the software that
 * is built into the library, and where none is built in the algorithm is absent and answers `ASEPTIC_ALGORITHM_UNSUPPORTED`.
 *
 * Functions are called as those of `aseptic_platform` are. They answer `ASEPTIC_OK` or one of the `ASEPTIC_PLATFORM_...` numbers,
 * and what else each of them names. Several states are in progress at once and lie elsewhere at the next call: an engine keeps
 * in the words of a state all that it must know, and no pointer into them; one that cannot give its state away stays out.
 * Input and output never overlap, and have no alignment. HMAC, HKDF (on SHA-256) and AES key wrap are made from these.
 * The table is copied by `aseptic_device_init`; `ctx` is handed to each function as it is.
 */
typedef struct {
  /**
   * `sizeof(aseptic_crypto)`: tells the library which entries this program knows.
   */
  uint32_t size;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * Handed to each function.
   */
  void *ctx;
  /**
   * All of `sha256_...` together. Begins a hash; `state` has 32 words, all 0.
   */
  aseptic_status (*sha256_start)(void *ctx, uint64_t *state);
  /**
   * Takes in bytes, of any number.
   */
  aseptic_status (*sha256_update)(void *ctx, uint64_t *state, const uint8_t *bytes, size_t len);
  /**
   * Writes the digest, 32 bytes. The state is not used again.
   */
  aseptic_status (*sha256_finish)(void *ctx, uint64_t *state, uint8_t *digest);
  /**
   * Verifies ECDSA on P-256 (FIPS 186-5). `key` is 65 bytes, SEC 1 uncompressed: `ASEPTIC_KEY_INVALID` for what is no point of
   * the curve. `digest` is 32 bytes. `signature` is r and s, 64 bytes: `ASEPTIC_SIGNATURE_INVALID`.
   */
  aseptic_status (*p256_verify)(void *ctx, const uint8_t *key, const uint8_t *digest, const uint8_t *signature);
  /**
   * All of `ed25519_...` together. Begins to verify (RFC 8032, strict: no key and no R of small order or in a second
   * encoding); `state` has 32 words, all 0, `key` 32 bytes, `signature` 64. `ASEPTIC_KEY_INVALID`, `ASEPTIC_SIGNATURE_INVALID`.
   */
  aseptic_status (*ed25519_start)(void *ctx, uint64_t *state, const uint8_t *key, const uint8_t *signature);
  /**
   * Takes in bytes of the message, of any number.
   */
  aseptic_status (*ed25519_update)(void *ctx, uint64_t *state, const uint8_t *bytes, size_t len);
  /**
   * Says whether the signature is good, with the same key and signature: `ASEPTIC_SIGNATURE_INVALID`.
   */
  aseptic_status (*ed25519_finish)(void *ctx, uint64_t *state, const uint8_t *key, const uint8_t *signature);
  /**
   * Makes a fresh key pair on P-256, writes its public key (65 bytes, SEC 1 uncompressed) and the x coordinate of the secret
   * shared with `peer` (65 and 32 bytes), and forgets the private key. `ASEPTIC_KEY_INVALID` for a peer not on the curve.
   */
  aseptic_status (*p256_ephemeral)(void *ctx, const uint8_t *peer, uint8_t *public_key, uint8_t *secret);
  /**
   * With `aes_gcm_open`. AES-GCM with a key of 16 or 32 bytes: encrypts `data` in place and writes the tag, 16 bytes;
   * `nonce` has 12. `ASEPTIC_ALGORITHM_UNSUPPORTED` for a length of key that the engine lacks.
   */
  aseptic_status (*aes_gcm_seal)(void *ctx,
                                 const uint8_t *key,
                                 size_t key_len,
                                 const uint8_t *nonce,
                                 const uint8_t *aad,
                                 size_t aad_len,
                                 uint8_t *data,
                                 size_t len,
                                 uint8_t *tag);
  /**
   * Decrypts `data` in place: `ASEPTIC_DECRYPT_FAILED` unless the tag fits.
   */
  aseptic_status (*aes_gcm_open)(void *ctx,
                                 const uint8_t *key,
                                 size_t key_len,
                                 const uint8_t *nonce,
                                 const uint8_t *aad,
                                 size_t aad_len,
                                 uint8_t *data,
                                 size_t len,
                                 const uint8_t *tag);
  /**
   * With `chacha20_poly1305_open`. As `aes_gcm_seal`, by RFC 8439; the key has 32 bytes.
   */
  aseptic_status (*chacha20_poly1305_seal)(void *ctx,
                                           const uint8_t *key,
                                           size_t key_len,
                                           const uint8_t *nonce,
                                           const uint8_t *aad,
                                           size_t aad_len,
                                           uint8_t *data,
                                           size_t len,
                                           uint8_t *tag);
  /**
   * As `aes_gcm_open`.
   */
  aseptic_status (*chacha20_poly1305_open)(void *ctx,
                                           const uint8_t *key,
                                           size_t key_len,
                                           const uint8_t *nonce,
                                           const uint8_t *aad,
                                           size_t aad_len,
                                           uint8_t *data,
                                           size_t len,
                                           const uint8_t *tag);
  /**
   * One block of AES, 16 bytes, in place, for the wrapping of keys: the key has 16, 24 or 32 bytes; `decrypt` is 0 or 1.
   * `ASEPTIC_ALGORITHM_UNSUPPORTED` for a length of key that the engine lacks.
   */
  aseptic_status (*aes_block)(void *ctx, const uint8_t *key, size_t key_len, uint8_t decrypt, uint8_t *block);
} aseptic_crypto;

/**
 * A component: a region of either slot.
 */
typedef struct {
  /**
   * One identifier.
   */
  aseptic_slice id;
  /**
   * Where it begins in the slot: a multiple of the erase unit.
   */
  uint64_t offset;
  /**
   * Bytes that it may take; regions do not overlap.
   */
  uint64_t length;
} aseptic_component;

/**
 * What this device is, as far as updates must fit it.
 */
typedef struct {
  /**
   * The vendor, a UUID (RFC 9562).
   */
  uint8_t vendor[16];
  /**
   * The class of devices, a UUID.
   */
  uint8_t device_class[16];
  /**
   * The only component, which has a slot for itself: one identifier, for example `main`. Not read where there are
   * `components`.
   */
  aseptic_slice component;
  /**
   * Several components that share a slot, or NULL. At most 8; all of a slot boot together.
   */
  const aseptic_component *components;
  /**
   * How many there are.
   */
  size_t component_count;
  /**
   * The device itself, a UUID, for manifests that are for one device; empty if it has none.
   */
  aseptic_slice device_id;
  /**
   * The key for AES key wrap (16, 24 or 32 bytes) that encrypted payloads are meant for; empty if there is none. Neither this
   * nor the next is read in the boot shape of the library, which takes no encrypted payloads.
   */
  aseptic_slice key_encryption_key;
  /**
   * The P-256 key of the key store that encrypted payloads are meant for. 0: the one of `aseptic_agreement_public`, where
   * there is one.
   */
  uint32_t agreement_key;
} aseptic_model;

/**
 * An update under way. It exists only after its manifest was verified. Opaque.
 */
typedef struct {
  uint64_t _opaque[272];
} aseptic_update;

/**
 * What came beside an envelope. What is not there is an empty slice.
 */
typedef struct {
  /**
   * The name of this device, as statements call it; empty only if there is neither a token nor a waiver.
   */
  aseptic_slice serial;
  /**
   * A signature under the manifest that travelled apart, such as the owner's approval.
   */
  aseptic_slice approval;
  /**
   * A token that lets this device go back to the release.
   */
  aseptic_slice downgrade;
  /**
   * The manufacturer's waiver of an approval that nobody can give any more; it takes a person at the device.
   */
  aseptic_slice waiver;
  /**
   * `ASEPTIC_PRESENCE_CONFIRMED` if a person stands at the device, else 0.
   */
  uint32_t presence;
  /**
   * Where the update came from: `ASEPTIC_SOURCE_...`.
   */
  uint8_t source;
} aseptic_statements;

/**
 * What an update wants next.
 */
typedef struct {
  /**
   * Where to get the payload; empty if nothing has to be fetched.
   */
  aseptic_slice uri;
  /**
   * The payload, where the envelope carries it; empty if not.
   */
  aseptic_slice payload;
  /**
   * The number of the next byte of the payload.
   */
  uint64_t offset;
  /**
   * Bytes of it that are missing; 0 once all components are whole.
   */
  uint64_t missing;
  /**
   * The component that it is for, in the order of the slot.
   */
  uint8_t number;
  /**
   * Zero.
   */
  uint8_t reserved[7];
} aseptic_part;

/**
 * Room to write to. `cap` 0 is a size query: the call reports `ASEPTIC_BUFFER_TOO_SMALL` and the size in `len`.
 */
typedef struct {
  /**
   * First byte of the room.
   */
  uint8_t *ptr;
  /**
   * Bytes of room.
   */
  size_t cap;
  /**
   * Bytes written; after `ASEPTIC_BUFFER_TOO_SMALL` the bytes needed; 0 after every other error.
   */
  size_t len;
} aseptic_buf;

/**
 * Working memory of the calls that make or change an identity: plain memory of the caller, which needs no beginning and no
 * end and may serve other ends between two calls, except during an enrolment: from `aseptic_enroller_begin` until it is done
 * the same memory goes into each step. One serves all calls of a thread. Opaque.
 */
typedef struct {
  uint64_t _opaque[2592];
} aseptic_workspace;

/**
 * What the birth certificate is to say about the device (IEEE 802.1AR).
 */
typedef struct {
  /**
   * The serial number, unique among all devices of the maker, and the device's name in every message: 1 to 64 characters of
   * letters, digits, space and `'()+,-./:=?`.
   */
  aseptic_slice serial;
  /**
   * The type of the hardware: the content bytes of an object identifier below the maker's own arc.
   */
  aseptic_slice hardware_type;
  /**
   * The serial number of the hardware module, 1 to 64 bytes.
   */
  aseptic_slice hardware_serial;
  /**
   * The UDI as it stands on the label or in its barcode; empty if there is none. If it carries a serial number, `serial` must
   * end with it.
   */
  aseptic_slice udi;
} aseptic_device_name;

/**
 * The revocation lists that the firmware keeps, in flash or files; the library reads them piece by piece and holds none.
 */
typedef struct {
  /**
   * `sizeof(aseptic_lists)`.
   */
  uint32_t size;
  /**
   * How many there are, at most 16.
   */
  uint32_t count;
  /**
   * Handed to the function.
   */
  void *ctx;
  /**
   * Reads list number `list` (DER) from `offset` on: at most `cap` bytes, 0 only at its end.
   */
  aseptic_status (*read)(void *ctx, uint32_t list, uint32_t offset, uint8_t *out, size_t cap, size_t *len);
} aseptic_lists;

/**
 * What was read of one list. Nothing of it is believed before its signature was verified. Opaque.
 */
typedef struct {
  uint64_t _opaque[480];
} aseptic_list;

/**
 * What a list says of itself. Set `size` before the call; the rest is written.
 */
typedef struct {
  /**
   * `sizeof(aseptic_list_info)`.
   */
  uint32_t size;
  /**
   * How many certificates it lists.
   */
  uint32_t entries;
  /**
   * When it was made, in seconds since 1970.
   */
  uint64_t this_update;
  /**
   * When the next one is due.
   */
  uint64_t next_update;
  /**
   * Its number, big endian.
   */
  uint8_t number[20];
  /**
   * One of `ASEPTIC_LIST_...`, by the device's idea of now.
   */
  uint8_t age;
  /**
   * 0.
   */
  uint8_t reserved[3];
  /**
   * SHA-256 of the SubjectPublicKeyInfo of its issuer.
   */
  uint8_t key[32];
} aseptic_list_info;

/**
 * The verdict that a peer is who it says and may do one thing. Only `aseptic_peer_verify` makes one. Opaque.
 */
typedef struct {
  uint64_t _opaque[24];
} aseptic_peer;

/**
 * One side of a comparison.
 */
typedef struct {
  /**
   * A number, or seconds since 1970.
   */
  uint64_t number;
  /**
   * One of `ASEPTIC_VALUE_...`.
   */
  uint8_t kind;
  /**
   * How many of `bytes` count.
   */
  uint8_t len;
  /**
   * 0.
   */
  uint8_t reserved[6];
  /**
   * Text or bytes; the first 64 where there are more.
   */
  uint8_t bytes[64];
} aseptic_value;

/**
 * One thing that is wrong with a chain. Set `size` before the call; the rest is written.
 */
typedef struct {
  /**
   * `sizeof(aseptic_finding)`.
   */
  uint32_t size;
  /**
   * Why it matters: what to do about it says `aseptic_status_remedy`.
   */
  aseptic_status reason;
  /**
   * `ASEPTIC_FINDING_CHAIN` or `ASEPTIC_FINDING_ANCHOR`.
   */
  uint8_t place;
  /**
   * Which certificate of the chain, the leaf is 0; or which anchor of the purpose.
   */
  uint8_t index;
  /**
   * 0.
   */
  uint8_t reserved[6];
  /**
   * In which field of it, by the name in RFC 5280; static text without a final zero.
   */
  aseptic_slice field;
  /**
   * The rule of the profile that says so; static text, empty if it is path validation itself.
   */
  aseptic_slice rule;
  /**
   * What was wanted.
   */
  aseptic_value wanted;
  /**
   * What was found.
   */
  aseptic_value found;
} aseptic_finding;

/**
 * One identity of this device, loaded. Opaque.
 */
typedef struct {
  uint64_t _opaque[24];
} aseptic_identity;

/**
 * An enrolment under way. Opaque.
 */
typedef struct {
  uint64_t _opaque[16];
} aseptic_enroller;

/**
 * How one registrar is spoken to.
 */
typedef struct {
  /**
   * The identity that the device shows in the connection: `ASEPTIC_IDENTITY_BIRTH` enrols, `ASEPTIC_IDENTITY_FALLBACK`, the
   * one in use, renews itself. `aseptic_renewal_next` says which.
   */
  uint8_t identity;
  /**
   * 1 to ask first what the registrar wants in a request (csrattrs), 0 not to.
   */
  uint8_t attributes;
  /**
   * 1 to put the channel binding of the connection into each request (RFC 9266), 0 not to; only for a registrar that is known
   * to want it. Then each new connection is told by `aseptic_enroller_connected`.
   */
  uint8_t proof_of_possession;
  /**
   * 0.
   */
  uint8_t reserved[5];
} aseptic_est_terms;

/**
 * What to do next.
 */
typedef struct {
  /**
   * One of `ASEPTIC_ENROL_...`; 0 with an error.
   */
  uint8_t kind;
  /**
   * 0.
   */
  uint8_t reserved[3];
  /**
   * Seconds to wait, 1 to 86,400.
   */
  uint32_t wait_seconds;
  /**
   * `GET` or `POST`.
   */
  aseptic_slice method;
  /**
   * Where to, as `host` or `host:port`, if the registrar redirected the request; empty for the registrar itself. Another
   * place than the one connected to takes a new connection with all checks, under this name.
   */
  aseptic_slice authority;
  /**
   * The path of the request.
   */
  aseptic_slice path;
  /**
   * Its Content-Type; empty where it has no body.
   */
  aseptic_slice content_type;
  /**
   * Its body, in the workspace: send it before the workspace is used again.
   */
  aseptic_slice body;
} aseptic_enrol_action;

/**
 * What the registrar answered.
 */
typedef struct {
  /**
   * The HTTP status.
   */
  uint32_t status;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * Content-Type with its parameters; empty if absent.
   */
  aseptic_slice content_type;
  /**
   * Retry-After; empty if absent.
   */
  aseptic_slice retry_after;
  /**
   * Location; empty if absent.
   */
  aseptic_slice location;
  /**
   * The body: `len` bytes, at most 65,536. It is decoded in place, so its bytes are others afterwards.
   */
  aseptic_buf body;
} aseptic_est_answer;

/**
 * What the program knows and the library does not. Set `size` before the call.
 */
typedef struct {
  /**
   * `sizeof(aseptic_renewal_state)`.
   */
  uint32_t size;
  /**
   * How many attempts have failed since the last one that succeeded; 0 after a restart is fine.
   */
  uint32_t failed;
  /**
   * Seconds since the last attempt ended, or since the start of the device if there was none.
   */
  uint64_t since_seconds;
  /**
   * From here on, in seconds since 1970; for `ASEPTIC_HINT_WINDOW` alone.
   */
  uint64_t window_start;
  /**
   * Up to here.
   */
  uint64_t window_end;
  /**
   * One of `ASEPTIC_HINT_...`.
   */
  uint8_t hint;
  /**
   * 0.
   */
  uint8_t reserved[7];
} aseptic_renewal_state;

/**
 * What to do.
 */
typedef struct {
  /**
   * Seconds for which nothing is due; asking earlier does no harm.
   */
  uint64_t seconds;
  /**
   * Whole days until the identity expires, 0 once it has, -1 where that cannot be told; for `ASEPTIC_RENEW_DEFERRED` alone.
   */
  int64_t days_left;
  /**
   * How many times the device will rest until then, if it rests once a day; -1 where that cannot be told.
   */
  int64_t windows_left;
  /**
   * One of `ASEPTIC_RENEWAL_...`; 0 with an error.
   */
  uint8_t kind;
  /**
   * The identity to show, for `aseptic_est_terms`; for `ASEPTIC_RENEW_NOW` alone.
   */
  uint8_t identity;
  /**
   * 0.
   */
  uint8_t reserved[6];
} aseptic_renewal;

/**
 * One thing with an end. Set `size` before the call; the rest is written.
 */
typedef struct {
  /**
   * `sizeof(aseptic_inventory_item)`.
   */
  uint32_t size;
  /**
   * What an anchor is trusted with: bit n stands for purpose n; 0 for the others.
   */
  uint32_t purposes;
  /**
   * First second of its validity, since 1970; for a list when it was made.
   */
  uint64_t not_before;
  /**
   * Last second of its validity, since 1970; for a list when the next one is due.
   */
  uint64_t not_after;
  /**
   * Whole days until the end, negative after it; 0 where `time_trust` is `ASEPTIC_TIME_UNKNOWN`.
   */
  int64_t days_left;
  /**
   * One of `ASEPTIC_INVENTORY_...`.
   */
  uint8_t kind;
  /**
   * What `days_left` is worth, one of `ASEPTIC_TIME_...`: with `ASEPTIC_TIME_AT_LEAST` at most so many days are left.
   */
  uint8_t time_trust;
  /**
   * Bytes of `name`.
   */
  uint8_t name_len;
  /**
   * Bytes of `serial`.
   */
  uint8_t serial_len;
  /**
   * The serial number of the certificate, its last 20 bytes where there are more; the number of a list.
   */
  uint8_t serial[20];
  /**
   * SHA-256 of the SubjectPublicKeyInfo; for a list of its issuer's.
   */
  uint8_t key[32];
  /**
   * The name of an anchor in its store; else serialNumber or commonName of the subject, its first 64 bytes; empty for a list.
   */
  uint8_t name[64];
} aseptic_inventory_item;

/**
 * The sender of messages: holds the sequence numbers that are reserved. Opaque.
 */
typedef struct {
  uint64_t _opaque[16];
} aseptic_sender;

/**
 * What is sent.
 */
typedef struct {
  /**
   * `ASEPTIC_TELEMETRY`, `ASEPTIC_ALARM` or `ASEPTIC_AUDIT`.
   */
  uint8_t message_class;
  /**
   * The stream it belongs to, 0 to 2; each has its own order. Use one for each class.
   */
  uint8_t stream;
  /**
   * 0.
   */
  uint8_t reserved[6];
  /**
   * The name of the recipient, as the owner's trust store has it.
   */
  aseptic_slice recipient;
  /**
   * What the body is: a media type, for example `x-application/hl7-v2+er7`.
   */
  aseptic_slice content_type;
  /**
   * The body, at most 65,536 bytes.
   */
  aseptic_slice body;
} aseptic_message;

/**
 * Messages that wait, in the store of the device. Opaque.
 */
typedef struct {
  uint64_t _opaque[528];
} aseptic_outbox;

/**
 * What names a message for ever, together with its sender.
 */
typedef struct {
  /**
   * The epoch of the sender's numbers.
   */
  uint64_t epoch;
  /**
   * The number within stream and epoch.
   */
  uint64_t sequence;
  /**
   * The stream.
   */
  uint8_t stream;
  /**
   * 0.
   */
  uint8_t reserved[7];
} aseptic_message_id;

/**
 * What a report has changed.
 */
typedef struct {
  /**
   * Messages that the record has: they left the outbox.
   */
  uint32_t stored;
  /**
   * Messages that will not be taken: they left the outbox, each with an event.
   */
  uint32_t rejected;
  /**
   * Messages that are asked for again: `aseptic_outbox_next` gives them.
   */
  uint32_t again;
  /**
   * The number of a session that the recipient has lost, as `aseptic_session_number` has it; 0 for none.
   */
  uint32_t lost_session;
} aseptic_settled;

/**
 * A session with one recipient for one class of messages. It lives in this memory alone and ends with it. Opaque.
 */
typedef struct {
  uint64_t _opaque[32];
} aseptic_session;

/**
 * The device's memory of the messages that it has handed over. Opaque.
 */
typedef struct {
  uint64_t _opaque[376];
} aseptic_opener;

/**
 * A message that was accepted. The slices lie in the buffer that it was opened into; those of a message of a session that say
 * who sent it and what it is lie in the sessions, until the next call with them.
 */
typedef struct {
  /**
   * The class, one of `ASEPTIC_TELEMETRY`, `_ALARM`, `_AUDIT`, `_COMMAND`, `_CONFIGURATION`.
   */
  uint8_t message_class;
  /**
   * The stream, 0 to 2; 3 for the offer of a session, to be given to `aseptic_sessions_accept`, and for what comes in it.
   */
  uint8_t stream;
  /**
   * Where it stands among the others of its stream, one of `ASEPTIC_ORDER_...`.
   */
  uint8_t order;
  /**
   * 1 if the sender has started anew since its last message, so that a gap may hold numbers that it never used; else 0.
   */
  uint8_t restarted;
  /**
   * What the sender's clock was worth, one of `ASEPTIC_TIME_...`.
   */
  uint8_t time_trust;
  /**
   * 0.
   */
  uint8_t reserved[3];
  /**
   * How many numbers before this one have not been seen; 0 unless `order` is `ASEPTIC_ORDER_GAP`.
   */
  uint64_t missing;
  /**
   * The epoch of the sender's numbers; of a message of a session the number of its offer.
   */
  uint64_t epoch;
  /**
   * The number within stream and epoch.
   */
  uint64_t sequence;
  /**
   * When the sender says it wrote this, in seconds since 1970.
   */
  uint64_t seconds;
  /**
   * Why the sender was accepted only with a flag, as `aseptic_peer_degraded` has it; else `ASEPTIC_OK`.
   */
  aseptic_status degraded;
  /**
   * The content type as a number (CoAP Content-Format), where it is not text.
   */
  uint32_t content_format;
  /**
   * The name of the sender, proven.
   */
  aseptic_slice sender;
  /**
   * What the body is, a media type; empty where it is a number.
   */
  aseptic_slice content_type;
  /**
   * The body.
   */
  aseptic_slice body;
  /**
   * The message as the sender signed it (COSE_Sign1), body included, to be kept as evidence; empty for a message of a session,
   * which is none.
   */
  aseptic_slice signed_message;
} aseptic_opened;

/**
 * The proof that one message was opened, and the claim to have handed it over. Opaque.
 */
typedef struct {
  uint64_t _opaque[28];
} aseptic_ticket;

/**
 * The receiving ends of up to four sessions. They live in this memory alone and end with it. Opaque.
 */
typedef struct {
  uint64_t _opaque[176];
} aseptic_sessions;

/**
 * A session that was accepted, and what is missing at the end of those before it of the same sender and class.
 */
typedef struct {
  /**
   * The number of the session, as its sender has it by `aseptic_session_number`.
   */
  uint32_t number;
  /**
   * What is known of the messages before the session, one of `ASEPTIC_EARLIER_...`.
   */
  uint8_t earlier;
  /**
   * 0.
   */
  uint8_t reserved[3];
  /**
   * The number of the offer that the sender's count began with: `messages` of sessions with the same one add up.
   */
  uint64_t run;
  /**
   * Messages, as `earlier` has it.
   */
  uint64_t messages;
} aseptic_accepted;

/**
 * What the recipient of a message says of it.
 */
typedef struct {
  /**
   * Which message.
   */
  aseptic_message_id message;
  /**
   * The first half of SHA-256 of the message as it was signed.
   */
  uint8_t digest[16];
  /**
   * `ASEPTIC_OUTCOME_DELIVERED`, `ASEPTIC_OUTCOME_STORED`, or the status for which it is genuine and will not be taken.
   */
  aseptic_status outcome;
  /**
   * 0.
   */
  uint32_t reserved;
} aseptic_receipt;

/**
 * What the recipient knows of a stream: which messages it misses, and which it asks for again.
 */
typedef struct {
  /**
   * The epoch of the stream's numbers.
   */
  uint64_t epoch;
  /**
   * The highest number that was handed over; 0 if none since the recipient was started.
   */
  uint64_t high;
  /**
   * Which of the numbers below it were not: bit n stands for `high - 1 - n`.
   */
  uint64_t missing;
  /**
   * Numbers up to this one, and unseen since, may have been handed over or not: they are asked for again.
   */
  uint64_t uncertain;
  /**
   * The stream.
   */
  uint8_t stream;
  /**
   * 0.
   */
  uint8_t reserved[7];
} aseptic_stream;

/**
 * A report that was verified.
 */
typedef struct {
  /**
   * How many of `receipts` there are.
   */
  uint32_t receipt_count;
  /**
   * How many of `streams` there are.
   */
  uint32_t stream_count;
  /**
   * The number of a session that the recipient has lost, as `aseptic_session_number` has it; 0 for none.
   */
  uint32_t lost_session;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * Receipts; zeros from `receipt_count` on.
   */
  aseptic_receipt receipts[16];
  /**
   * Streams; zeros from `stream_count` on.
   */
  aseptic_stream streams[4];
} aseptic_report;

/**
 * What the program says of a message that it has opened.
 */
typedef struct {
  /**
   * The ticket of the message, a sealed one.
   */
  aseptic_ticket *ticket;
  /**
   * `ASEPTIC_OUTCOME_DELIVERED`, `ASEPTIC_OUTCOME_STORED`, or the status for which it is genuine and will not be taken.
   */
  aseptic_status outcome;
  /**
   * 0.
   */
  uint32_t reserved;
} aseptic_outcome;

/**
 * The device's end of the link to one central station. It lives in this memory alone. Opaque.
 */
typedef struct {
  uint64_t _opaque[24];
} aseptic_link;

/**
 * How a port is tried out.
 */
typedef struct {
  /**
   * `sizeof(aseptic_selftest)`.
   */
  uint32_t size;
  /**
   * 0, or `ASEPTIC_SELFTEST_DANGER_OTHER_IMAGE`.
   */
  uint32_t options;
  /**
   * Handed to both functions.
   */
  void *ctx;
  /**
   * Required. Takes each finding as it is made: its number, and a number that goes with it.
   */
  void (*finding)(void *ctx, uint16_t finding, uint64_t detail);
  /**
   * Optional. Acts as if the power went: lets `writes` writes to the medium happen, spoils the next one as a power cut does, and
   * lets every platform call after it answer `ASEPTIC_PLATFORM_UNAVAILABLE`. With `ASEPTIC_SELFTEST_POWER_BACK` power is back: the
   * port forgets what it had in memory and starts on what is stored.
   */
  aseptic_status (*power_cut)(void *ctx, uint32_t writes);
} aseptic_selftest;

/**
 * Working memory of the self-test: plain memory of the caller. Opaque.
 */
typedef struct {
  uint64_t _opaque[2048];
} aseptic_selftest_memory;

/**
 * The call did what it says.
 */
#define ASEPTIC_OK 0

/**
 * A call came out of order.
 */
#define ASEPTIC_MISUSE 101

/**
 * An output buffer is too small.
 */
#define ASEPTIC_BUFFER_TOO_SMALL 102

/**
 * The library reached a state that it rules out.
 */
#define ASEPTIC_INTERNAL 103

/**
 * Input exceeds a bound of this library.
 */
#define ASEPTIC_TOO_LARGE 104

/**
 * A platform service is not available now.
 */
#define ASEPTIC_PLATFORM_UNAVAILABLE 110

/**
 * A storage medium or engine reported an error.
 */
#define ASEPTIC_PLATFORM_IO 111

/**
 * There is no room left to store it.
 */
#define ASEPTIC_PLATFORM_FULL 112

/**
 * Nothing is stored under that name.
 */
#define ASEPTIC_PLATFORM_NOT_FOUND 113

/**
 * The platform forbids the operation.
 */
#define ASEPTIC_PLATFORM_DENIED 114

/**
 * A stored item cannot be read back as written.
 */
#define ASEPTIC_PLATFORM_CORRUPT 115

/**
 * The source of randomness failed.
 */
#define ASEPTIC_ENTROPY_FAILED 116

/**
 * Both places of a record are damaged.
 */
#define ASEPTIC_RECORD_CORRUPT 120

/**
 * A record was written by newer software.
 */
#define ASEPTIC_RECORD_VERSION 121

/**
 * The clock is behind a time already proven.
 */
#define ASEPTIC_CLOCK_BEHIND_FLOOR 130

/**
 * Signed evidence carries a time too far ahead.
 */
#define ASEPTIC_TIME_IMPLAUSIBLE 131

/**
 * The key store is still working on it.
 */
#define ASEPTIC_KEY_BUSY 140

/**
 * The CBOR is not well-formed or has another shape.
 */
#define ASEPTIC_CBOR_MALFORMED 201

/**
 * The CBOR is not in deterministic encoding.
 */
#define ASEPTIC_CBOR_NOT_DETERMINISTIC 202

/**
 * Bytes follow the end of the message.
 */
#define ASEPTIC_CBOR_TRAILING 203

/**
 * The COSE structure is wrong.
 */
#define ASEPTIC_COSE_MALFORMED 210

/**
 * A header is missing, doubled, misplaced or ill-typed.
 */
#define ASEPTIC_COSE_HEADER 211

/**
 * A critical header is not understood.
 */
#define ASEPTIC_COSE_CRITICAL 212

/**
 * The message names another algorithm than its key.
 */
#define ASEPTIC_COSE_ALGORITHM 213

/**
 * The message holds no layer for this key.
 */
#define ASEPTIC_COSE_NO_RECIPIENT 214

/**
 * The algorithm is not in this device's suite.
 */
#define ASEPTIC_ALGORITHM_UNSUPPORTED 220

/**
 * A public key is no valid key of its kind.
 */
#define ASEPTIC_KEY_INVALID 221

/**
 * The key is not for this use.
 */
#define ASEPTIC_KEY_WRONG_USE 222

/**
 * The signature does not verify.
 */
#define ASEPTIC_SIGNATURE_INVALID 223

/**
 * Decryption failed: changed content or another key.
 */
#define ASEPTIC_DECRYPT_FAILED 224

/**
 * The authentication code does not verify.
 */
#define ASEPTIC_MAC_INVALID 225

/**
 * No trust store of this kind is installed.
 */
#define ASEPTIC_TRUST_MISSING 301

/**
 * The trust store object is malformed.
 */
#define ASEPTIC_TRUST_MALFORMED 302

/**
 * The trust store is not newer than the installed one.
 */
#define ASEPTIC_TRUST_ROLLBACK 303

/**
 * A change of signers skips a version.
 */
#define ASEPTIC_TRUST_SKIPPED 304

/**
 * Too few of the keys in charge have signed.
 */
#define ASEPTIC_TRUST_THRESHOLD 305

/**
 * A store grants a purpose that is not its own.
 */
#define ASEPTIC_TRUST_PURPOSE 306

/**
 * The new store leaves a purpose without an anchor.
 */
#define ASEPTIC_TRUST_WOULD_STRAND 307

/**
 * A trust store of this kind is already installed.
 */
#define ASEPTIC_TRUST_EXISTS 308

/**
 * The key may not do this.
 */
#define ASEPTIC_NO_PURPOSE 310

/**
 * No trusted key made this signature.
 */
#define ASEPTIC_UNKNOWN_SIGNER 311

/**
 * The key is on the deny list.
 */
#define ASEPTIC_DENIED 312

/**
 * The key is a published test key.
 */
#define ASEPTIC_PUBLISHED_TEST_KEY 313

/**
 * A constraint of an anchor cannot be honoured here.
 */
#define ASEPTIC_TRUST_CONSTRAINT 314

/**
 * The trust epoch does not fit what the store withdraws.
 */
#define ASEPTIC_TRUST_EPOCH 315

/**
 * Too few of the signatures are by algorithms that still count.
 */
#define ASEPTIC_ALGORITHM_RETIRED 316

/**
 * A classical or a post-quantum signature is missing.
 */
#define ASEPTIC_FAMILY_MISSING 317

/**
 * The DER is malformed.
 */
#define ASEPTIC_DER_MALFORMED 401

/**
 * The certificate is malformed.
 */
#define ASEPTIC_CERTIFICATE_MALFORMED 402

/**
 * The certificate has expired.
 */
#define ASEPTIC_CERTIFICATE_EXPIRED 403

/**
 * The certificate is not valid yet.
 */
#define ASEPTIC_CERTIFICATE_NOT_YET_VALID 404

/**
 * No path leads from the certificate to a trusted anchor.
 */
#define ASEPTIC_PATH_UNTRUSTED 405

/**
 * A certificate may not be used for this.
 */
#define ASEPTIC_PATH_KEY_USAGE 406

/**
 * A constraint on the path is violated.
 */
#define ASEPTIC_PATH_CONSTRAINT 407

/**
 * The chain is longer than the bound.
 */
#define ASEPTIC_PATH_TOO_LONG 408

/**
 * The certificate is for another name.
 */
#define ASEPTIC_NAME_MISMATCH 409

/**
 * The certificate is revoked.
 */
#define ASEPTIC_CERTIFICATE_REVOKED 410

/**
 * It is not known whether the certificate is revoked.
 */
#define ASEPTIC_REVOCATION_UNKNOWN 411

/**
 * The certificate violates the profile.
 */
#define ASEPTIC_CERTIFICATE_PROFILE 412

/**
 * The revocation list is malformed.
 */
#define ASEPTIC_CRL_MALFORMED 413

/**
 * The revocation list is of a kind that is not read.
 */
#define ASEPTIC_CRL_UNSUPPORTED 414

/**
 * The revocation list is older than one seen before.
 */
#define ASEPTIC_CRL_ROLLBACK 415

/**
 * The revocation list is past the time of its next update.
 */
#define ASEPTIC_CRL_STALE 416

/**
 * The certification request is malformed.
 */
#define ASEPTIC_CSR_MALFORMED 420

/**
 * The certification request is not signed by its own key.
 */
#define ASEPTIC_CSR_PROOF 421

/**
 * The certificate bundle is malformed.
 */
#define ASEPTIC_CMS_MALFORMED 422

/**
 * A name for a certification request has a wrong form.
 */
#define ASEPTIC_TEMPLATE_INVALID 423

/**
 * Something that the device relies on runs out soon.
 */
#define ASEPTIC_EXPIRY_AHEAD 424

/**
 * Enrolment needs the owner's root, and none is installed.
 */
#define ASEPTIC_OWNER_ROOT_MISSING 501

/**
 * The device has no birth identity.
 */
#define ASEPTIC_NOT_PROVISIONED 502

/**
 * The device already has a birth identity.
 */
#define ASEPTIC_ALREADY_PROVISIONED 503

/**
 * The certificate is not for this device's key.
 */
#define ASEPTIC_IDENTITY_KEY_MISMATCH 504

/**
 * The certificate names another device.
 */
#define ASEPTIC_IDENTITY_NAME_MISMATCH 505

/**
 * The key of an identity is not in this device's key store.
 */
#define ASEPTIC_IDENTITY_KEY_LOST 506

/**
 * A part of the device name has a wrong form or length.
 */
#define ASEPTIC_NAME_INVALID 507

/**
 * The EST answer is malformed.
 */
#define ASEPTIC_EST_TRANSFER 510

/**
 * The registrar refused the request.
 */
#define ASEPTIC_EST_REFUSED 511

/**
 * The registrar wants a person to approve first.
 */
#define ASEPTIC_EST_PENDING 512

/**
 * The answer holds no certificate, or two, for our key.
 */
#define ASEPTIC_EST_NO_MATCH 513

/**
 * The device identifier has a wrong form or check digit.
 */
#define ASEPTIC_UDI_INVALID 514

/**
 * The registrar asks for what this device cannot give.
 */
#define ASEPTIC_EST_ATTRIBUTES 515

/**
 * The device was decommissioned; its keys are destroyed.
 */
#define ASEPTIC_DECOMMISSIONED 516

/**
 * The identity was made on other hardware.
 */
#define ASEPTIC_HARDWARE_MISMATCH 517

/**
 * Renewal is due and put off while the device is in use.
 */
#define ASEPTIC_RENEWAL_DEFERRED 518

/**
 * Too many requests came from this device or address.
 */
#define ASEPTIC_EST_LIMITED 530

/**
 * The request was answered before, and is out of date.
 */
#define ASEPTIC_EST_REPLAYED 531

/**
 * The request is not bound to this TLS channel.
 */
#define ASEPTIC_EST_PROOF 532

/**
 * A renewal asks for other names than the certificate has.
 */
#define ASEPTIC_EST_NAMES_CHANGED 533

/**
 * The message does not follow the profile.
 */
#define ASEPTIC_MESSAGE_MALFORMED 601

/**
 * The message was seen before.
 */
#define ASEPTIC_MESSAGE_REPLAYED 602

/**
 * The message is older than the replay window.
 */
#define ASEPTIC_MESSAGE_TOO_OLD 603

/**
 * The signed audience names another recipient.
 */
#define ASEPTIC_MESSAGE_NOT_FOR_US 604

/**
 * The sender is not known here.
 */
#define ASEPTIC_MESSAGE_UNKNOWN_SENDER 605

/**
 * The signer is not the device that the message names.
 */
#define ASEPTIC_MESSAGE_IDENTITY 606

/**
 * The message class is not allowed here.
 */
#define ASEPTIC_MESSAGE_CLASS 607

/**
 * The sender has used up its sequence numbers.
 */
#define ASEPTIC_SEQUENCE_EXHAUSTED 608

/**
 * There is no replay window left for another sender.
 */
#define ASEPTIC_SENDERS_FULL 609

/**
 * The HL7 v2 text or its block is malformed.
 */
#define ASEPTIC_HL7_MALFORMED 610

/**
 * The command answers no open challenge, or has expired.
 */
#define ASEPTIC_COMMAND_NOT_FRESH 611

/**
 * A message gave way in a full outbox.
 */
#define ASEPTIC_OUTBOX_FULL 612

/**
 * A message in the outbox cannot be read back.
 */
#define ASEPTIC_OUTBOX_DAMAGED 613

/**
 * No open session has this key.
 */
#define ASEPTIC_SESSION_UNKNOWN 614

/**
 * Nobody is known to listen to alarms.
 */
#define ASEPTIC_LINK_IN_DOUBT 615

/**
 * The offer of a session has no post-quantum part.
 */
#define ASEPTIC_HYBRID_REQUIRED 616

/**
 * The SUIT envelope is malformed.
 */
#define ASEPTIC_ENVELOPE_MALFORMED 701

/**
 * The manifest carries no signature.
 */
#define ASEPTIC_MANIFEST_UNSIGNED 702

/**
 * The manifest does not match its signed digest.
 */
#define ASEPTIC_MANIFEST_DIGEST 703

/**
 * The manifest version is unknown.
 */
#define ASEPTIC_MANIFEST_VERSION 704

/**
 * The manifest uses an element outside the profile.
 */
#define ASEPTIC_MANIFEST_UNSUPPORTED 705

/**
 * The manifest is older than what ran here before.
 */
#define ASEPTIC_SEQUENCE_TOO_OLD 706

/**
 * The image is for another vendor's devices.
 */
#define ASEPTIC_WRONG_VENDOR 707

/**
 * The image is for another class of devices.
 */
#define ASEPTIC_WRONG_CLASS 708

/**
 * The image does not match its digest.
 */
#define ASEPTIC_IMAGE_MISMATCH 709

/**
 * The image does not fit its slot.
 */
#define ASEPTIC_IMAGE_TOO_LARGE 710

/**
 * A condition of the manifest does not hold.
 */
#define ASEPTIC_CONDITION_FAILED 711

/**
 * The device is in use on a patient.
 */
#define ASEPTIC_CLINICAL_USE 712

/**
 * No update is staged or on trial.
 */
#define ASEPTIC_NO_UPDATE 713

/**
 * Another update is already under way.
 */
#define ASEPTIC_UPDATE_BUSY 714

/**
 * The running image is on trial and not confirmed.
 */
#define ASEPTIC_TRIAL_PENDING 715

/**
 * The medium holds other bytes than were written.
 */
#define ASEPTIC_SLOT_MISMATCH 716

/**
 * A message authentication code cannot authenticate an update.
 */
#define ASEPTIC_SIGNATURE_BY_DEVICE 717

/**
 * The new image was not confirmed; the old one runs again.
 */
#define ASEPTIC_UPDATE_REVERTED 718

/**
 * The image is for another component of the device.
 */
#define ASEPTIC_WRONG_COMPONENT 719

/**
 * A description is not valid.
 */
#define ASEPTIC_DESCRIPTION_INVALID 720

/**
 * The owner has not approved the update.
 */
#define ASEPTIC_APPROVAL_MISSING 721

/**
 * The owner has put the update off, or vetoed it.
 */
#define ASEPTIC_UPDATE_HELD 722

/**
 * The signed statement is about another device or update.
 */
#define ASEPTIC_STATEMENT_OTHER 723

/**
 * The signed statement was used before, or a later one was.
 */
#define ASEPTIC_STATEMENT_USED 724

/**
 * The signed statement has expired, or no clock can tell.
 */
#define ASEPTIC_STATEMENT_EXPIRED 725

/**
 * That release cannot read the data as stored now.
 */
#define ASEPTIC_MIGRATION_FLOOR 726

/**
 * The application withholds leave for this step.
 */
#define ASEPTIC_PERMISSION_WITHHELD 727

/**
 * The update was put off for longer than wanted.
 */
#define ASEPTIC_UPDATE_OVERDUE 728

/**
 * An update that was put off goes on.
 */
#define ASEPTIC_UPDATE_RESUMED 729

/**
 * The manifest is past its date.
 */
#define ASEPTIC_UPDATE_STALE 730

/**
 * No clock can tell whether the manifest is in date.
 */
#define ASEPTIC_FRESHNESS_UNKNOWN 731

/**
 * The update report is malformed.
 */
#define ASEPTIC_REPORT_MALFORMED 740

/**
 * The payload is encrypted, and no key was given for it.
 */
#define ASEPTIC_PAYLOAD_LOCKED 750

/**
 * A file is missing.
 */
#define ASEPTIC_FILE_MISSING 801

/**
 * Access to a file was denied.
 */
#define ASEPTIC_FILE_DENIED 802

/**
 * The disk is full.
 */
#define ASEPTIC_DISK_FULL 803

/**
 * A stored file is damaged.
 */
#define ASEPTIC_FILE_CORRUPT 804

/**
 * The storage secret has under 32 bytes.
 */
#define ASEPTIC_SECRET_TOO_SHORT 805

/**
 * The storage secret is not the one of this folder.
 */
#define ASEPTIC_SECRET_WRONG 806

/**
 * Another process works on this folder.
 */
#define ASEPTIC_FOLDER_BUSY 807

/**
 * A file of that name is there already.
 */
#define ASEPTIC_FILE_EXISTS 808

/**
 * The TLS handshake failed.
 */
#define ASEPTIC_TLS_FAILED 810

/**
 * The connection failed.
 */
#define ASEPTIC_NETWORK_FAILED 811

/**
 * The HTTP exchange is malformed or too large.
 */
#define ASEPTIC_HTTP_MALFORMED 812

/**
 * The peer showed no certificate.
 */
#define ASEPTIC_PEER_ANONYMOUS 813

/**
 * The message was handed over; whether it will be kept is not known yet.
 */
#define ASEPTIC_OUTCOME_DELIVERED 0

/**
 * The message is stored where it belongs.
 */
#define ASEPTIC_OUTCOME_STORED 1

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The ABI version of the library that is linked; compare it with `ASEPTIC_ABI_VERSION` of the header.
 *
 * Ownership: none. Errors: none. Threads: any. Power loss: nothing is stored.
 */
uint32_t aseptic_abi_version(void);

/**
 * The release of the library that is linked, as UTF-8 text without a final zero, for example `0.1.0`.
 *
 * Ownership: static. Errors: none. Threads: any. Power loss: nothing is stored.
 */
aseptic_slice aseptic_version(void);

/**
 * What a status means, in one sentence of UTF-8 without a final zero; empty for a number that is none, and in a
 * library that was built without its texts (feature `text`), as firmware is.
 *
 * Ownership: static. Errors: none. Threads: any. Power loss: nothing is stored.
 */
aseptic_slice aseptic_status_cause(aseptic_status status);

/**
 * What to do about a status, in one sentence of UTF-8 without a final zero; empty for a number that is none, and in a
 * library that was built without its texts (feature `text`), as firmware is.
 *
 * Ownership: static. Errors: none. Threads: any. Power loss: nothing is stored.
 */
aseptic_slice aseptic_status_remedy(aseptic_status status);

/**
 * Who must act on a status: 0 nobody (`ASEPTIC_OK`), 1 the maker of the bytes, 2 the device, 3 the calling program, 4 nobody yet:
 * the same call may succeed later.
 *
 * Ownership: none. Errors: none. Threads: any. Power loss: nothing is stored.
 */
uint8_t aseptic_status_blame(aseptic_status status);

/**
 * Makes `device` ready over `platform` and `crypto`, whose tables are copied. `crypto` may be NULL: then all cryptography is
 * what is built into the library.
 *
 * Ownership: the caller owns all of them; `device` must not move until `aseptic_device_wipe`. Errors: MISUSE for another NULL, a
 * table of another size, a missing required entry or an incomplete group; `device` is zeroed then. Threads: one device, one thread at
 * a time. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_device_init(aseptic_device *device,
                                   const aseptic_platform *platform,
                                   const aseptic_crypto *crypto);

/**
 * Ends `device` and wipes its memory. Does nothing to NULL or to memory that holds no device; may be called twice.
 *
 * Ownership: the memory stays the caller's. Errors: none. Threads: no call on this device may run. Power loss: what is stored
 * stays stored.
 */
void aseptic_device_wipe(aseptic_device *device);

/**
 * Tells what the bedside is doing: one of `ASEPTIC_USE_...`; any other number counts as an emergency. Nothing that erases,
 * reboots or switches starts unless it is idle.
 *
 * Ownership: none. Errors: MISUSE. Threads: as for all calls on a device. Power loss: not stored; after each start the device
 * counts as in use until told otherwise.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_device_set_use(aseptic_device *device,
                                      uint8_t clinical_use);

/**
 * Installs the first trust store of `authority` (`ASEPTIC_MANUFACTURER`, `ASEPTIC_OWNER`) from a signed object, by a person at
 * the device: `presence` must be `ASEPTIC_PRESENCE_CONFIRMED`.
 *
 * The date of the object becomes a time before which it is not.
 *
 * Ownership: `object` is read during the call. Errors: TRUST_EXISTS, TRUST_MALFORMED, TRUST_THRESHOLD, TRUST_PURPOSE,
 * TRUST_CONSTRAINT, DENIED, CERTIFICATE_MALFORMED, PUBLISHED_TEST_KEY; nothing is stored then. Threads: as for all calls on a device. Power loss: installed or not.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_trust_install(aseptic_device *device,
                                     uint8_t authority,
                                     aseptic_slice object,
                                     uint32_t presence);

/**
 * Replaces the trust store of `authority` by a newer one that its keys have signed. The date of the object becomes a time
 * before which it is not.
 *
 * Ownership: `object` is read during the call. Errors: TRUST_MISSING, TRUST_ROLLBACK, TRUST_SKIPPED, TRUST_THRESHOLD,
 * TRUST_WOULD_STRAND, TRUST_EPOCH, and those of `aseptic_trust_install` but TRUST_EXISTS; nothing changes then. Threads: as for all calls on a device. Power loss: old or new.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_trust_update(aseptic_device *device,
                                    uint8_t authority,
                                    aseptic_slice object);

/**
 * Writes the version of the installed trust store of `authority`, which the next one must exceed.
 *
 * Ownership: `version` is the caller's. Errors: TRUST_MISSING, TRUST_ROLLBACK if the flash was put back, RECORD_CORRUPT;
 * `version` is 0 then. Threads: as for all calls on a device. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_trust_version(aseptic_device *device,
                                     uint8_t authority,
                                     uint64_t *version);

/**
 * Writes a number that rises whenever trust is withdrawn: a grant or an anchor is lost, a key denied, a minimum of revocation
 * lists raised. What rests on a verdict, such as a connection, is to be judged anew when the number is another one than it was
 * at the verdict. 0 without any trust store.
 *
 * Ownership: `epoch` is the caller's. Errors: TRUST_ROLLBACK if the flash was put back, RECORD_CORRUPT; `epoch` is 0 then.
 * Threads: as for all calls on a device. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_trust_epoch(aseptic_device *device,
                                   uint64_t *epoch);

/**
 * Writes the best statement about now: `seconds` since 1970, and in `trust` what they are worth, one of `ASEPTIC_TIME_...`.
 * That is the clock of the table where it is trusted and not behind what is proven, else the latest time that is proven: by
 * the dates of the trust stores that were installed here. Nothing unsigned moves it.
 *
 * Ownership: the outputs are the caller's. Errors: MISUSE, RECORD_CORRUPT, those of the platform; both outputs are 0 then.
 * Threads: as for all calls on a device. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_time_now(aseptic_device *device,
                                uint64_t *seconds,
                                uint8_t *trust);

/**
 * Writes down, at the factory, which image lies in the running slot: its digest (32 bytes SHA-256, 48 SHA-384, 64 SHA-512),
 * its size and its sequence number. The image is read from the medium and compared first. Nothing older runs from then on.
 *
 * Ownership: `digest` is read during the call. Errors: ALREADY_PROVISIONED, SLOT_MISMATCH, SEQUENCE_TOO_OLD, MISUSE for a digest of
 * another length, those of the platform; nothing is stored then. Threads: as for all calls on a device. Power loss: written
 * down or not; call it again, ALREADY_PROVISIONED says that it was.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_boot_provision(aseptic_device *device,
                                      aseptic_slice digest,
                                      uint64_t size,
                                      uint64_t sequence);

/**
 * For a boot loader: which slot may run now, `ASEPTIC_START_A` or `ASEPTIC_START_B`. Reads and hashes the image that the
 * selection of the table names (`image_running`); it runs if it is the confirmed one or the one activated for trial, and not
 * below the floor unless a token that is stored lets it, else the other slot runs on the same terms. `start` becomes 0 with
 * an error: run nothing then, and nothing for any other word. Look at it again just before the jump.
 *
 * Ownership: `start` is the caller's. Errors: PLATFORM_NOT_FOUND on a device that was never provisioned, SEQUENCE_TOO_OLD,
 * MIGRATION_FLOOR or SLOT_MISMATCH if neither slot may run, those of the platform. Threads: as for all calls on a device. Power
 * loss: nothing is stored; call it again.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_boot_verify(aseptic_device *device,
                                   uint32_t *start);

/**
 * Finds out what runs, once after each start, and completes a confirmation that was interrupted: `boot` becomes one of
 * `ASEPTIC_BOOT_...`, or 0 with an error.
 *
 * Ownership: `boot` is the caller's. Errors: MISUSE, those of the platform. Threads: as for all calls on a device. Power loss: call
 * it again.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_boot_state(aseptic_device *device,
                                  uint8_t *boot);

/**
 * Keeps the image that runs on trial; from now on nothing older is accepted. `migration_floor` is the lowest sequence number
 * that can read the data as stored from now on, 0 if that did not change.
 *
 * Ownership: none. Errors: NO_UPDATE if nothing is on trial, MISUSE for a floor above the image. Threads: as for all calls on a
 * device. Power loss: on trial still, or confirmed.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_boot_confirm(aseptic_device *device,
                                    uint64_t migration_floor);

/**
 * Verifies the SUIT envelope and begins its update, or goes on with it where a power loss interrupted it. Call
 * `aseptic_update_step` until nothing is left to do; then `aseptic_update_offset` says which byte of the image is wanted.
 *
 * Ownership: `envelope` and `model` are read during the call; `update` must not move until `aseptic_update_wipe`. Errors:
 * MANIFEST_UNSIGNED, MANIFEST_DIGEST, SIGNATURE_INVALID, UNKNOWN_SIGNER, TRUST_THRESHOLD, APPROVAL_MISSING, UPDATE_HELD,
 * UPDATE_STALE, WRONG_VENDOR, WRONG_CLASS, WRONG_COMPONENT, SEQUENCE_TOO_OLD, MIGRATION_FLOOR, IMAGE_TOO_LARGE, PAYLOAD_LOCKED
 * and DECRYPT_FAILED where no key opens an encrypted payload, MISUSE for components that overlap, CLINICAL_USE
 * unless the device is idle, PERMISSION_WITHHELD, UPDATE_OVERDUE in place of these two, UPDATE_BUSY while another one is under way, or
 * was reverted and `aseptic_update_report` has yet to tell; nothing that is stored
 * changes then, and `update` is zeroed. Threads: as for all calls on a device. Power loss: the journal names this update or it does not; the running image is untouched.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_update_begin(aseptic_device *device,
                                    aseptic_slice envelope,
                                    const aseptic_model *model,
                                    aseptic_update *update);

/**
 * As `aseptic_update_begin`, with signed statements that came beside the envelope.
 *
 * Ownership: all inputs are read during the call; `update` must not move until `aseptic_update_wipe`. Errors: as
 * `aseptic_update_begin`, and STATEMENT_OTHER, STATEMENT_USED, STATEMENT_EXPIRED; nothing that is stored changes then, and
 * `update` is zeroed. Threads: as for all calls on a device. Power loss: the journal names this update or it does not; the
 * running image is untouched.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_update_begin_with(aseptic_device *device,
                                         aseptic_slice envelope,
                                         const aseptic_model *model,
                                         const aseptic_statements *statements,
                                         aseptic_update *update);

/**
 * Does a bounded part of what is to be done before the next bytes or the activation: erases at most one block, or reads
 * and hashes, or copies, at most 4,096 bytes. `more` becomes 1 while something is left, else 0.
 *
 * After `aseptic_update_begin` it reads again what was written before a power loss, and brings a component that is copied from
 * the running slot; call it again before each `aseptic_update_part` where there are several components. After
 * `aseptic_update_finish` it erases the rest of the slot and reads the whole image back.
 *
 * Ownership: `more` is the caller's. Errors: MISUSE for an update that is over, CLINICAL_USE unless the device is idle: nothing has
 * happened then. SLOT_MISMATCH if the medium does not hold what was written, those of the platform: begin again. Threads: as
 * for all calls on a device. Power loss: the image is staged, or the transfer goes on where it was.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_update_step(aseptic_device *device,
                                   aseptic_update *update,
                                   uint8_t *more);

/**
 * Writes the number of the next byte of the image that is wanted, and how many are still missing.
 *
 * Ownership: none. Errors: MISUSE unless bytes are being received. Threads: as for all calls on a device. Power loss: nothing
 * is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_update_offset(aseptic_update *update,
                                     uint64_t *offset,
                                     uint64_t *missing);

/**
 * Writes what is wanted next: for which component, where its payload is, and from which byte on. With one component
 * `aseptic_update_offset` says enough.
 *
 * Ownership: `envelope` must hold the bytes that `update` began with; `uri` and `payload` of `part` point into it. Errors: MISUSE
 * unless bytes are being received, and for another envelope as far as that shows; `part` is zeroed then. Threads: as for all
 * calls on a device. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_update_part(aseptic_update *update,
                                   aseptic_slice envelope,
                                   aseptic_part *part);

/**
 * Writes the arguments that the manifest hands to the image which it invokes, at most 64 bytes; of length 0 if there are
 * none. What they mean, and how they reach the image, is the program's.
 *
 * Ownership: `out` is the caller's. Errors: MISUSE, BUFFER_TOO_SMALL. Threads: as for all calls on a device. Power loss: nothing is
 * stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_update_invoke_arguments(aseptic_update *update,
                                               aseptic_buf *out);

/**
 * Takes the next bytes of the image, of any number.
 *
 * Ownership: `bytes` is read during the call. Errors: CLINICAL_USE unless the device is idle and IMAGE_MISMATCH for bytes beyond
 * the size that was signed: nothing has happened then. After any other error begin again. Threads: as for all calls on
 * a device. Power loss: the journal knows how far the slot is written.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_update_feed(aseptic_device *device,
                                   aseptic_update *update,
                                   aseptic_slice bytes);

/**
 * Ends the transfer and compares what came with what was signed. Call `aseptic_update_step` until nothing is left to do: it
 * reads the whole image back from the medium.
 *
 * Ownership: none. Errors: MISUSE while `aseptic_update_step` has more to do, CLINICAL_USE unless the device is idle: nothing has
 * happened then. IMAGE_MISMATCH: begin again. Threads: as for all calls on a device. Power loss: the transfer goes on where
 * it was.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_update_finish(aseptic_device *device,
                                     aseptic_update *update);

/**
 * Selects the staged image for one trial boot. The restart itself is the program's.
 *
 * Ownership: none. Errors: MISUSE unless an image is staged, CLINICAL_USE unless the device is idle, SEQUENCE_TOO_OLD, UPDATE_HELD.
 * Threads: as for all calls on a device. Power loss: the old image boots, or the new one on trial.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_update_activate(aseptic_device *device,
                                       aseptic_update *update);

/**
 * Ends `update` and wipes its memory; what is stored of it stays and can be gone on with. Does nothing to NULL or to memory
 * that holds none; may be called twice.
 *
 * Ownership: the memory stays the caller's. Errors: none. Threads: as for all calls on a device. Power loss: what is stored
 * stays stored.
 */
void aseptic_update_wipe(aseptic_update *update);

/**
 * Forgets the update under way for good. The running image stays.
 *
 * Ownership: none. Errors: TRIAL_PENDING while that image runs on trial, UPDATE_BUSY. Threads: as for all calls on a device.
 * Power loss: forgotten or not.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_update_abandon(aseptic_device *device);

/**
 * Takes the owner's signed word that an update is put off or vetoed, or that it may go on, for this device, called `serial`, or
 * for all. The update then neither begins nor is activated; an image that runs is not touched.
 *
 * Ownership: the slices are read during the call. Errors: UNKNOWN_SIGNER, SIGNATURE_INVALID, STATEMENT_OTHER, STATEMENT_USED,
 * PLATFORM_FULL; nothing is stored then. Threads: as for all calls on a device. Power loss: taken or not.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_update_hold(aseptic_device *device,
                                   aseptic_slice serial,
                                   aseptic_slice statement);

/**
 * Gives (`granted` 1) or takes away (0) one permission (`ASEPTIC_PERMISSION_...`), such as outside of a maintenance window. All
 * are given after `aseptic_device_init`. None counts unless the device is idle.
 *
 * Ownership: none. Errors: MISUSE for another number. Threads: as for all calls on a device. Power loss: not stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_update_grant(aseptic_device *device,
                                    uint8_t permission,
                                    uint8_t granted);

/**
 * Writes how often an update has asked in vain since it was first put off, and for how many milliseconds it has waited; both
 * are 0 if none is put off.
 *
 * Ownership: the outputs are the caller's. Errors: MISUSE. Threads: as for all calls on a device. Power loss: not stored; the
 * count starts over.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_update_deferral(aseptic_device *device,
                                       uint32_t *count,
                                       uint64_t *waited);

/**
 * Checks a UDI, the text of the label or the scan of its barcode, and writes it as the URI that stands in certificates (GS1
 * Digital Link), at most 256 bytes of ASCII.
 *
 * Ownership: `text` is read during the call. Errors: UDI_INVALID, BUFFER_TOO_SMALL. Threads: any. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_udi_check(aseptic_slice text,
                                 aseptic_buf *out);

/**
 * Writes the device's request for its birth certificate (PKCS #10, DER) into `out`, which must have room for 1,024 bytes. The
 * first call makes the key; later ones give the same request again, or with another name a new one for the same key.
 *
 * Ownership: `name` is read and `workspace` used during the call. Errors: NAME_INVALID, UDI_INVALID, ALREADY_PROVISIONED once a
 * certificate is installed, KEY_BUSY (call again), BUFFER_TOO_SMALL, those of the platform. Threads: as for all calls on a
 * device. Power loss: the device is blank, or has the key and perhaps the request; call it again.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_birth_request(aseptic_device *device,
                                     aseptic_workspace *workspace,
                                     const aseptic_device_name *name,
                                     aseptic_buf *out);

/**
 * Installs the birth certificate with its intermediates: `chain` holds `count` certificates (DER), leaf first, without the
 * anchor, which the manufacturer's trust store has.
 *
 * Ownership: `chain` is read and `workspace` used during the call. Errors: NOT_PROVISIONED before a request,
 * ALREADY_PROVISIONED, IDENTITY_KEY_MISMATCH, IDENTITY_NAME_MISMATCH, CERTIFICATE_PROFILE, those of `aseptic_peer_verify`;
 * nothing is stored then. Threads: as for all calls on a device. Power loss: installed or not.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_birth_install(aseptic_device *device,
                                     aseptic_workspace *workspace,
                                     const aseptic_slice *chain,
                                     size_t count);

/**
 * Begins to read list number `number` of `lists`. While it is read, the `count` certificates of `chain` (DER) are looked for, which
 * `aseptic_peer_verify_listed` will judge; none are needed for `aseptic_list_accept`. Call `aseptic_list_step` until nothing
 * is left to do.
 *
 * Ownership: `lists` is copied and `chain` read during the call; what the function of `lists` reads, and its `ctx`, must stay as
 * they are until `aseptic_list_wipe`, and `list` must not move until then. Errors: MISUSE, CERTIFICATE_MALFORMED, PATH_TOO_LONG
 * for more than 4 certificates, TOO_LARGE for a serial number of more than 21 bytes; `list` is zeroed then. Threads: any, one list
 * by one thread at a time. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_list_begin(const aseptic_lists *lists,
                                  uint32_t number,
                                  const aseptic_slice *chain,
                                  size_t count,
                                  aseptic_list *list);

/**
 * Does a bounded part of the reading: takes in at most 512 bytes of the list. `more` becomes 1 while something is left, else 0.
 *
 * Ownership: `more` is the caller's. Errors: those of the function that reads: the same step may be tried again. CRL_MALFORMED,
 * CRL_UNSUPPORTED for delta and indirect lists and those of some reasons only, TOO_LARGE over 8 MiB or 200,000 entries or for an
 * entry or a signature of over 1,024 bytes, MISUSE for a list that is over: begin again. `more` is 0 then. Threads: as for
 * all calls on a device. Power loss: nothing is stored; begin again.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_list_step(aseptic_device *device,
                                 aseptic_list *list,
                                 uint8_t *more);

/**
 * Verifies that `issuer` (a certificate in DER) signed the list, which was read to its end, and keeps its number: no older one
 * counts from then on. Store the list for good before this call. It may be asked again, also with another issuer.
 *
 * Ownership: `issuer` is read during the call; `info` is the caller's. Errors: MISUSE before the list was read to its end,
 * CRL_ROLLBACK, SIGNATURE_INVALID, PATH_KEY_USAGE, REVOCATION_UNKNOWN for a list of the future, PLATFORM_FULL where 16 rows of
 * lists are known, CERTIFICATE_MALFORMED, those of the platform; what is stored is as it was and `info` zeroed but for its size
 * then. Threads: as for all calls on a device; a list that Ed25519 signed, which signs no hash, is read once more in this call.
 * Power loss: the old number or the new one.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_list_accept(aseptic_device *device,
                                   aseptic_list *list,
                                   aseptic_slice issuer,
                                   aseptic_list_info *info);

/**
 * Ends `list` and wipes its memory; the number that was accepted stays stored. Does nothing to NULL or to memory that holds none;
 * may be called twice.
 *
 * Ownership: the memory stays the caller's. Errors: none. Threads: any, one list by one thread at a time. Power loss: nothing is
 * stored.
 */
void aseptic_list_wipe(aseptic_list *list);

/**
 * Writes the certificate number `index` (DER) of `file`: a certificate or a certs-only bundle (PKCS#7), as it is or in PEM; at
 * most 16 a file. After the last one `out.len` is 0 and the call succeeds. Nothing of it is proven.
 *
 * Ownership: `file` is read during the call; `out` is the caller's, and room of the length of `file` is always enough. Errors:
 * CERTIFICATE_MALFORMED, CMS_MALFORMED, EST_TRANSFER for bad Base64, TOO_LARGE, BUFFER_TOO_SMALL, MISUSE. Threads: any. Power
 * loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_certificate_import(aseptic_slice file,
                                          uint32_t index,
                                          aseptic_buf *out);

/**
 * Judges the holder of a certificate chain by the owner's trust store: for `ASEPTIC_PURPOSE_ENROLMENT` and
 * `ASEPTIC_PURPOSE_NETWORK` a server whose certificate must bear the DNS name `name`, for a class of messages a sender of that
 * name. `chain` holds `count` certificates (DER), leaf first, without the anchor, at most 4; call it where TLS asks whether
 * the chain of its peer is good, and let TLS check that the peer has the key.
 *
 * Ownership: `name` and `chain` are read during the call; `peer` must not move until `aseptic_peer_wipe`. Errors: PATH_UNTRUSTED,
 * PATH_KEY_USAGE, PATH_CONSTRAINT, PATH_TOO_LONG, CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID, CERTIFICATE_MALFORMED,
 * CERTIFICATE_PROFILE, SIGNATURE_INVALID, NAME_MISMATCH, DENIED, MISUSE for another purpose or an empty name; `peer` is zeroed
 * then. Threads: as for all calls on a device. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_peer_verify(aseptic_device *device,
                                   uint8_t purpose,
                                   aseptic_slice name,
                                   const aseptic_slice *chain,
                                   size_t count,
                                   aseptic_peer *peer);

/**
 * As `aseptic_peer_verify`, with `list_count` revocation lists, at most 16, each begun with this `chain` and read to its end:
 * each certificate of the chain must be covered by one. A missing, unusable or badly signed list never counts as "not
 * revoked", and neither does one that was begun with another chain; what it means for the purpose says the response matrix:
 * refused, or accepted with a flag, see `aseptic_peer_degraded`. Lists below a number that `aseptic_list_accept` has kept do not
 * count. With no lists at all every certificate is uncovered.
 *
 * Ownership: `name` and `chain` are read during the call and `lists` used, which serves any number of calls; `peer` must not move
 * until `aseptic_peer_wipe`. Errors: those of `aseptic_peer_verify`, CERTIFICATE_REVOKED, REVOCATION_UNKNOWN, CRL_STALE,
 * RECORD_CORRUPT, MISUSE for a list that was not read to its end; `peer` is zeroed then. Threads: as for all calls on a device;
 * verifies a signature for each list of an issuer of the chain, and reads those that Ed25519 signed once more. Power loss: nothing
 * is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_peer_verify_listed(aseptic_device *device,
                                          uint8_t purpose,
                                          aseptic_slice name,
                                          const aseptic_slice *chain,
                                          size_t count,
                                          aseptic_list *lists,
                                          size_t list_count,
                                          aseptic_peer *peer);

/**
 * Writes the name in the peer's certificate (its serialNumber, else its commonName), as it is there, at most 64 bytes.
 *
 * Ownership: `out` is the caller's. Errors: MISUSE, BUFFER_TOO_SMALL. Threads: as for all calls on a device. Power loss:
 * nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_peer_name(aseptic_peer *peer,
                                 aseptic_buf *out);

/**
 * Writes why the peer was accepted only with a flag: CERTIFICATE_EXPIRED where it ran out and cutting it off would do more harm
 * than listening to it, else `ASEPTIC_OK`. Show it to whoever looks after the device.
 *
 * Ownership: `flag` is the caller's. Errors: MISUSE; `flag` is MISUSE as well then. Threads: as for all calls on a device.
 * Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_peer_degraded(aseptic_peer *peer,
                                     aseptic_status *flag);

/**
 * Ends `peer` and wipes its memory. Does nothing to NULL or to memory that holds none; may be called twice.
 *
 * Ownership: the memory stays the caller's. Errors: none. Threads: as for all calls on a device. Power loss: nothing is stored.
 */
void aseptic_peer_wipe(aseptic_peer *peer);

/**
 * Writes the finding number `index` of all that `aseptic_peer_verify` or, where there are `lists`, `aseptic_peer_verify_listed` sees
 * wrong in a chain, the leaf's first: what the chain is refused for, or what it is flagged for. After the last one `reason` is
 * `ASEPTIC_OK` and the call succeeds; a chain without any finding is good. At most 16 of path validation are told.
 *
 * Ownership: as for `aseptic_peer_verify_listed`, `lists` may be NULL with `list_count` 0; `finding` is the caller's. Errors: MISUSE as
 * for `aseptic_peer_verify_listed` and for a finding of another size, PATH_TOO_LONG for more than 4 certificates, RECORD_CORRUPT,
 * those of the platform; all of `finding` but its size is zeroed then. Threads: as for all calls on a device; each call takes up
 * to twice the time of a verdict: for the log, not for every connection. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_peer_finding(aseptic_device *device,
                                    uint8_t purpose,
                                    aseptic_slice name,
                                    const aseptic_slice *chain,
                                    size_t count,
                                    aseptic_list *lists,
                                    size_t list_count,
                                    uint32_t index,
                                    aseptic_finding *finding);

/**
 * Destroys the keys that a power loss left without a record; once at every start, before all else about identities.
 * `destroyed` says how many there were.
 *
 * Ownership: `workspace` is used during the call. Errors: RECORD_CORRUPT, those of the platform; no key that a record names is
 * lost, call it again. Threads: as for all calls on a device. Power loss: call it again.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_identity_tidy(aseptic_device *device,
                                     aseptic_workspace *workspace,
                                     uint32_t *destroyed);

/**
 * Tells the serial number of the hardware that the program runs on, as the machine itself says (fuses, the number of a secure
 * element), once at every start. An identity that was born on other hardware is not served: the storage was copied.
 *
 * Ownership: `hardware_serial` is read during the call. Errors: HARDWARE_MISMATCH, which is an event as well; every call that
 * needs an identity answers the same from then on. DECOMMISSIONED, RECORD_CORRUPT, TOO_LARGE, those of the platform. Threads: as
 * for all calls on a device. Power loss: nothing is stored; tell it again after each `aseptic_device_init`.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_identity_check_hardware(aseptic_device *device,
                                               aseptic_slice hardware_serial);

/**
 * Writes how far an identity has come, one of `ASEPTIC_STAGE_...`; `which` is `ASEPTIC_IDENTITY_BIRTH`, `_LOCAL` or
 * `_SUCCESSOR`. A device that is active stays so while a successor is prepared.
 *
 * Ownership: `stage` is the caller's. Errors: MISUSE, RECORD_CORRUPT, TOO_LARGE for records of longer chains than the device
 * has room for, those of the platform; `stage` is 0 then. Threads: as for all calls on a device. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_identity_stage(aseptic_device *device,
                                      uint8_t which,
                                      uint8_t *stage);

/**
 * Loads one identity of the device; `which` is `ASEPTIC_IDENTITY_BIRTH`, `_LOCAL` or `_FALLBACK`.
 *
 * Ownership: `identity` must not move until `aseptic_identity_wipe`; load it again after each enrolment. Errors:
 * NOT_PROVISIONED without a birth identity, KEY_WRONG_USE where `_LOCAL` is asked for and there is only the birth identity,
 * which may enrol and nothing else, IDENTITY_KEY_LOST, RECORD_CORRUPT, TOO_LARGE for records of longer chains than the device
 * has room for; `identity` is zeroed then. Threads: as for all calls on a device. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_identity_load(aseptic_device *device,
                                     uint8_t which,
                                     aseptic_identity *identity);

/**
 * Writes the name of the device: the serial number in its certificates, UTF-8 without a final zero, at most 64 bytes.
 *
 * Ownership: `out` is the caller's. Errors: MISUSE, BUFFER_TOO_SMALL. Threads: as for all calls on a device. Power loss: nothing
 * is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_identity_name(aseptic_identity *identity,
                                     aseptic_buf *out);

/**
 * Writes one certificate of the identity (DER), for the Certificate message of TLS: 0 is its own, each further one that of
 * the issuer before it; the anchor is not among them.
 *
 * Ownership: `out` is the caller's. Errors: PLATFORM_NOT_FOUND beyond the last one, MISUSE where the identity was replaced since
 * it was loaded, BUFFER_TOO_SMALL. Threads: as for all calls on a device. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_identity_certificate(aseptic_device *device,
                                            aseptic_identity *identity,
                                            uint32_t index,
                                            aseptic_buf *out);

/**
 * Signs for the device in the TLS handshake with `peer`, the verdict about the other side: `digest` is SHA-256 of what the
 * CertificateVerify message covers (32 bytes), `out` becomes its signature field (ECDSA-Sig-Value in DER, at most 72 bytes).
 *
 * Ownership: nothing is kept. Errors: KEY_WRONG_USE for a birth identity and any other peer than the registrar, NO_PURPOSE for a
 * peer that is no server, KEY_BUSY (call again), BUFFER_TOO_SMALL below 72 bytes, MISUSE. Threads: as for all calls on a
 * device. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_identity_sign(aseptic_device *device,
                                     aseptic_identity *identity,
                                     aseptic_peer *peer,
                                     aseptic_slice digest,
                                     aseptic_buf *out);

/**
 * Ends the probation of `identity`: it has been part of a mutually authenticated handshake with `peer`, a server of the owner
 * that has answered since. Its predecessor and the key of it are gone then. Does nothing for an identity that is not on
 * probation; call it after each connection.
 *
 * Ownership: `workspace` is used during the call. Errors: NO_PURPOSE for a peer that is no server, KEY_WRONG_USE for a birth
 * identity, MISUSE where the identity was replaced since it was loaded; nothing changes then. Threads: as for all calls on a
 * device. Power loss: the predecessor is active or this one is; both work.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_identity_confirm(aseptic_device *device,
                                        aseptic_workspace *workspace,
                                        aseptic_identity *identity,
                                        aseptic_peer *peer);

/**
 * Ends `identity` and wipes its memory. Does nothing to NULL or to memory that holds none; may be called twice.
 *
 * Ownership: the memory stays the caller's. Errors: none. Threads: as for all calls on a device. Power loss: what is stored
 * stays stored.
 */
void aseptic_identity_wipe(aseptic_identity *identity);

/**
 * Begins an enrolment with the owner by the birth identity, or goes on with the one that a power loss, a restart or a refusal
 * interrupted. Makes a key beside the identity in use. The registrar is asked what it wants in a request.
 *
 * Ownership: `workspace` is used during the call and goes into each step; `enroller` must not move until
 * `aseptic_enroller_wipe`. Errors: OWNER_ROOT_MISSING without the owner's trust store or if it names no registrar,
 * NOT_PROVISIONED without a birth certificate, those of the platform; `enroller` is zeroed then. Threads:
 * as for all calls on a device. Power loss: begin again; key and request stay the same.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_enroller_begin(aseptic_device *device,
                                      aseptic_workspace *workspace,
                                      aseptic_enroller *enroller);

/**
 * Begins an enrolment or a renewal on these terms; otherwise like `aseptic_enroller_begin`.
 *
 * Ownership: `terms` is read during the call; the rest as there. Errors: as there, and MISUSE for other numbers than `terms` may
 * hold, and to renew where no local identity is in use. Threads: as for all
 * calls on a device. Power loss: as there.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_enroller_begin_with(aseptic_device *device,
                                           aseptic_workspace *workspace,
                                           const aseptic_est_terms *terms,
                                           aseptic_enroller *enroller);

/**
 * Tells that a new connection to the registrar stands, and its channel binding: the 32 bytes of the exporter with the label
 * `EXPORTER-Channel-Binding` and an empty context. For registrars that want possession proven; `action` is then the request to
 * send over this connection.
 *
 * Ownership: as for `aseptic_enroller_step`. Errors: MISUSE for another length, those of `aseptic_enroller_step`. Threads: as for
 * all calls on a device. Power loss: as there.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_enroller_connected(aseptic_device *device,
                                          aseptic_workspace *workspace,
                                          aseptic_enroller *enroller,
                                          aseptic_slice binding,
                                          aseptic_enrol_action *action);

/**
 * Tells what happened and learns what to do. First with NULL; then with each answer and the verdict about the one who gave
 * it, found for `ASEPTIC_PURPOSE_ENROLMENT`; with NULL for both after a wait, and where no answer came. The connection is made
 * with the birth identity.
 *
 * Ownership: the slices of `action` lie in the library and in `workspace`, valid until that is used again; the body of `answer`
 * is decoded in place. Errors: NO_PURPOSE unless `registrar` is one, EST_TRANSFER, CMS_MALFORMED, TOO_LARGE, EST_REFUSED,
 * EST_PENDING, EST_NO_MATCH, IDENTITY_NAME_MISMATCH, those of `aseptic_peer_verify`; nothing that is stored changes then, and a
 * step with NULL gives the same request again. KEY_BUSY: call again, with the same answer or with NULL; an answer counts once. MISUSE
 * after the end. Threads: as for all calls on a device. Power loss: the new identity is stored on probation, or the enrolment goes
 * on where it was.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_enroller_step(aseptic_device *device,
                                     aseptic_workspace *workspace,
                                     aseptic_enroller *enroller,
                                     aseptic_est_answer *answer,
                                     aseptic_peer *registrar,
                                     aseptic_enrol_action *action);

/**
 * Ends `enroller` and wipes its memory; what is stored of it stays and can be gone on with. Does nothing to NULL or to memory
 * that holds none; may be called twice.
 *
 * Ownership: the memory stays the caller's. Errors: none. Threads: as for all calls on a device. Power loss: what is stored
 * stays stored.
 */
void aseptic_enroller_wipe(aseptic_enroller *enroller);

/**
 * Decides when the local identity is renewed, by its certificate, the time, and what the bedside does
 * (`aseptic_device_set_use`): first at 60 to 70 % of its life, at a moment of the device's own; after failures again at growing
 * random intervals; after expiry for ever, by the birth identity. The manual has the rules.
 *
 * Ownership: `known` is read during the call, `decision` is the caller's. Errors: MISUSE, NOT_PROVISIONED without a birth
 * identity, IDENTITY_KEY_LOST, HARDWARE_MISMATCH, RECORD_CORRUPT, those of the platform; `decision` is zeroed then. Threads: as
 * for all calls on a device. Power loss: the first call stores a secret that spreads a lot over time; nothing else is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_renewal_next(aseptic_device *device,
                                    const aseptic_renewal_state *known,
                                    aseptic_renewal *decision);

/**
 * Ends the device for good: stores a tombstone that its birth key has signed (COSE_Sign1), destroys every key of the key store,
 * sees that none answers any more, erases the identities, and writes the tombstone into `out`, which must have room for
 * 1,024 bytes. From then on every call about identities answers DECOMMISSIONED; a size query changes nothing.
 *
 * Ownership: `workspace` is used during the call. Errors: CLINICAL_USE unless the device is idle, NOT_PROVISIONED for a blank
 * device, IDENTITY_KEY_LOST where no key is left to sign, KEY_BUSY (call again), BUFFER_TOO_SMALL; nothing has changed then.
 * PLATFORM_IO and others of the platform where a key may still be there: call it again, or `aseptic_identity_tidy` at the next
 * start. Threads: as for all calls on a device. Power loss: not begun, or finished by the next call or `aseptic_identity_tidy`.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_device_decommission(aseptic_device *device,
                                           aseptic_workspace *workspace,
                                           aseptic_buf *out);

/**
 * Writes the tombstone of a device that was decommissioned, at most 1,024 bytes.
 *
 * Ownership: `out` is the caller's. Errors: PLATFORM_NOT_FOUND for a device that was not decommissioned, BUFFER_TOO_SMALL,
 * RECORD_CORRUPT, those of the platform. Threads: as for all calls on a device. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_device_tombstone(aseptic_device *device,
                                        aseptic_buf *out);

/**
 * Writes the next item of all that runs out: the anchors of both trust stores, then the device's own certificates with those
 * above them, then the revocation lists: what `aseptic_list_accept` said of them, `list_count` of them, at most 16, or NULL and
 * 0. `place` is 0 before the first call and moves on with each; at the end `kind` is `ASEPTIC_INVENTORY_END`.
 *
 * Ownership: `workspace` is used and `lists` read during the call, `place` and `item` are the caller's. Errors: MISUSE for an item
 * or a list of another size, CERTIFICATE_MALFORMED for one that cannot be read (the next call gives the one after it), RECORD_CORRUPT, those of
 * the platform; all of `item` but its size is zeroed then. Threads: as for all calls on a device. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_inventory_next(aseptic_device *device,
                                      aseptic_workspace *workspace,
                                      const aseptic_list_info *lists,
                                      size_t list_count,
                                      uint32_t *place,
                                      aseptic_inventory_item *item);

/**
 * Reports each item that runs out in less than 180, 60 and 14 days (of short validities when a half, three quarters and seven
 * eighths are over) as the event EXPIRY_AHEAD with the days that are left. `since` is 0 before the first call after a start, or
 * after a change of trust or identity, and is moved to now: each threshold is reported once. Call it once a day. `lists` is as for
 * `aseptic_inventory_next`.
 *
 * Ownership: `workspace` is used and `lists` read during the call, `since` is the caller's. Errors: MISUSE, RECORD_CORRUPT, those of the platform;
 * `since` is as it was then. Threads: as for all calls on a device. Power loss: nothing is stored; `since` may be stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_inventory_warn(aseptic_device *device,
                                      aseptic_workspace *workspace,
                                      const aseptic_list_info *lists,
                                      size_t list_count,
                                      uint64_t *since);

/**
 * Makes `sender` ready; once at every start.
 *
 * Ownership: `sender` must not move until `aseptic_sender_wipe`; have one sender a device. Errors: RECORD_CORRUPT: see
 * `aseptic_sender_start_over`; ENTROPY_FAILED; `sender` is zeroed then. Threads: as for all calls on a device. Power loss: no sequence number is ever used twice.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_sender_init(aseptic_device *device,
                                   aseptic_sender *sender);

/**
 * Gives up sequence numbers that cannot be read any more, where `aseptic_sender_init` answers RECORD_CORRUPT, and makes `sender`
 * ready in a new epoch: nothing that was sent before is ever named anew.
 *
 * Ownership: as for `aseptic_sender_init`. Errors: ENTROPY_FAILED, those of the platform; `sender` is zeroed then. Threads: as
 * for all calls on a device. Power loss: the epoch is a new one as well, or the record is still there and cannot be read.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_sender_start_over(aseptic_device *device,
                                         aseptic_sender *sender);

/**
 * Signs `message` and seals it for its recipient: nobody on the way can read it, change it, or pass it on as meant for
 * somebody else.
 *
 * `out` is also working memory: a size query says how much it needs. It must not overlap anything else that is passed.
 * Ownership: nothing is kept.
 * Errors: NO_PURPOSE if the owner's trust store has no such recipient, MESSAGE_CLASS, KEY_WRONG_USE for a birth identity, TOO_LARGE, KEY_BUSY (call again),
 * BUFFER_TOO_SMALL; no sequence number is used then. Threads: as for all calls on a device. Power loss: at most a
 * sequence number is skipped.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_message_seal(aseptic_device *device,
                                    aseptic_identity *identity,
                                    aseptic_sender *sender,
                                    const aseptic_message *message,
                                    aseptic_buf *out);

/**
 * Ends `sender` and wipes its memory. Does nothing to NULL or to memory that holds none; may be called twice.
 *
 * Ownership: the memory stays the caller's. Errors: none. Threads: as for all calls on a device. Power loss: what is stored
 * stays stored.
 */
void aseptic_sender_wipe(aseptic_sender *sender);

/**
 * Opens the account of the update that has begun, once `aseptic_update_begin` has answered OK; where it is open already nothing
 * is written. `sbom` is SHA-256 of the list of what the software is made of, 32 bytes, or empty.
 *
 * Ownership: `model` and `sbom` are read during the call. Errors: NO_UPDATE, TOO_LARGE for a component of over 60 bytes, MISUSE for
 * an `sbom` of another length. Threads: as for all calls on a device. Power loss: open or not; call it again.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_update_account(aseptic_device *device,
                                      const aseptic_model *model,
                                      aseptic_slice sbom);

/**
 * Adds to the account what the update was put off, which the restart would forget. To be called just before
 * `aseptic_update_activate`.
 *
 * Ownership: none. Errors: MISUSE unless an image is staged, NO_UPDATE without an account. Threads: as for all calls on a
 * device. Power loss: added or not.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_update_account_deferrals(aseptic_device *device,
                                                aseptic_update *update);

/**
 * Ends the account because the update was given up for `reason`, a status other than OK.
 *
 * Ownership: none. Errors: NO_UPDATE without an account, MISUSE for a number that is no status. Threads: as for all calls on a
 * device. Power loss: ended or not; call it again.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_update_refused(aseptic_device *device,
                                      aseptic_status reason);

/**
 * Writes the report of the last attempt to update that has ended, signed by `identity`: a COSE_Sign1 around a SUIT_Report. It finds
 * out itself how an update under way has ended: call it after `aseptic_boot_state` at each start, and after
 * `aseptic_boot_confirm`. The same report may be written as often as needed, until the next one.
 *
 * Ownership: `out` is the caller's. Errors: PLATFORM_NOT_FOUND before the first report, KEY_BUSY (call again), BUFFER_TOO_SMALL,
 * those of the platform. Threads: as for all calls on a device. Power loss: there is one report of each attempt, whatever is
 * called again.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_update_report(aseptic_device *device,
                                     aseptic_identity *identity,
                                     aseptic_buf *out);

/**
 * Makes `outbox` ready with `capacity` messages, 64 at most; once at every start. Each takes one slot of the store of up to
 * 8,192 bytes; with the entries for raw flash keep the capacity at 16.
 *
 * Ownership: `outbox` must not move until `aseptic_outbox_wipe`; have one outbox a device. Errors: MISUSE, ENTROPY_FAILED, those of
 * the platform; `outbox` is zeroed then. Threads: as for all calls on a device. Power loss: what was put in is in; what cannot be
 * read back is removed with the event OUTBOX_DAMAGED.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_outbox_init(aseptic_device *device,
                                   uint32_t capacity,
                                   aseptic_outbox *outbox);

/**
 * Signs `message` and puts it in: after this it survives power loss, until a report says that the record has it. Its stream
 * follows from its class. Where the outbox is full the oldest telemetry gives way, then, to an alarm alone, the oldest audit
 * record; an alarm never does. `id` is the name by which reports speak of the message; it may be NULL.
 *
 * Ownership: nothing is kept. Errors: NO_PURPOSE if the owner's trust store has no such recipient, MESSAGE_CLASS, KEY_WRONG_USE for
 * a birth identity, TOO_LARGE, KEY_BUSY (call again), OUTBOX_FULL: alarm locally; the message is not in then, and `id` is zeroed.
 * Threads: as for all calls on a device. Power loss: the message is in, or this call did not succeed.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_outbox_put(aseptic_device *device,
                                  aseptic_identity *identity,
                                  aseptic_sender *sender,
                                  aseptic_outbox *outbox,
                                  const aseptic_message *message,
                                  aseptic_message_id *id);

/**
 * Seals the message that is to be sent next, if there is one, for `recipient`, as far as the owner's trust store accepts it today:
 * an alarm before an audit record before telemetry, the oldest first, each once until it is asked for again. `out->len` is 0 if
 * nothing is to be sent.
 *
 * Ownership: nothing is kept. `out` is also working memory: twice the body and 8,192 bytes are enough. Errors: NO_PURPOSE if
 * the recipient is not accepted today; all stays in then. BUFFER_TOO_SMALL, with what the longest message needs. Threads: as for all
 * calls on a device. Power loss: the message is sent again.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_outbox_next(aseptic_device *device,
                                   aseptic_sender *sender,
                                   aseptic_outbox *outbox,
                                   aseptic_slice recipient,
                                   aseptic_buf *out);

/**
 * Takes the signed report of `signer`, a name that the owner's trust store pins for receipts: what the record has leaves the
 * outbox, what is missing there is sent again.
 *
 * Ownership: nothing is kept. Errors: NO_PURPOSE, UNKNOWN_SIGNER, SIGNATURE_INVALID (also for a report to another device),
 * MESSAGE_MALFORMED, KEY_WRONG_USE for a birth identity; `settled` is zeroed then and nothing changes. Threads: as for all calls on a
 * device. Power loss: what left may be in again; it is sent again, and known as a duplicate.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_outbox_settle(aseptic_device *device,
                                     aseptic_identity *identity,
                                     aseptic_outbox *outbox,
                                     aseptic_slice signer,
                                     aseptic_slice report,
                                     aseptic_settled *settled);

/**
 * Lets all that has no receipt be sent again: after a reconnection, or when reports are overdue.
 *
 * Ownership: nothing is kept. Errors: MISUSE. Threads: as for all calls on a device. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE aseptic_status aseptic_outbox_retry(aseptic_outbox *outbox);

/**
 * How many messages of a class wait for their receipt: `ASEPTIC_TELEMETRY`, `ASEPTIC_ALARM` or `ASEPTIC_AUDIT`.
 *
 * Ownership: nothing is kept. Errors: MISUSE, MESSAGE_CLASS; `count` is 0 then. Threads: as for all calls on a device. Power loss:
 * nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_outbox_count(aseptic_outbox *outbox,
                                    uint8_t message_class,
                                    uint32_t *count);

/**
 * Destroys the storage key of the outbox, and with it all that is queued, then the entries; ends `outbox` as
 * `aseptic_outbox_wipe` does. For a device that leaves its owner.
 *
 * Ownership: the memory stays the caller's. Errors: MISUSE, those of the platform: call `aseptic_outbox_init` and this again.
 * Threads: as for all calls on a device. Power loss: nothing has happened, or nothing can be read any more.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_outbox_erase(aseptic_device *device,
                                    aseptic_outbox *outbox);

/**
 * Ends `outbox` and wipes its memory. Does nothing to NULL or to memory that holds none; may be called twice.
 *
 * Ownership: the memory stays the caller's. Errors: none. Threads: as for all calls on a device. Power loss: what is stored
 * stays stored.
 */
void aseptic_outbox_wipe(aseptic_outbox *outbox);

/**
 * Makes `session`, and in `out` the sealed message that offers it to the recipient of `message`: send it before any message of the
 * session. Of `message` class, recipient and content type count; its body is empty. Where `session` holds an earlier one to the
 * same recipient in the same class, the offer says how many messages went before, so that the recipient knows what it lacks at the
 * end of that one: offer again in the same memory, without `aseptic_session_wipe`.
 *
 * Ownership: `session` must not move until `aseptic_session_wipe`. `out` is also working memory: a size query says how much it needs.
 * Errors: as for `aseptic_message_seal`, MISUSE for a body; `out` is zeroed then, and `session` holds what it held. Threads: as for
 * all calls on a device. Power loss: ends the session; offer a new one.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_session_offer(aseptic_device *device,
                                     aseptic_identity *identity,
                                     aseptic_sender *sender,
                                     const aseptic_message *message,
                                     aseptic_session *session,
                                     aseptic_buf *out);

#if defined(ASEPTIC_HOSTED)
/**
 * `aseptic_session_offer` of a hybrid session: its keys come from `kem_key` as well, the recipient's X-Wing key (ML-KEM-768 with
 * X25519, 1,216 bytes), by whatever way it came: the owner's trust store pins its thumbprint beside the recipient's other key. Who
 * records the messages of today then cannot read them with a quantum computer either.
 *
 * Ownership: as for `aseptic_session_offer`; `kem_key` is read during the call. Errors: as there, NO_PURPOSE if the store pins no such
 * thumbprint for the recipient, KEY_INVALID for another key than the pinned one. Threads: as for all calls on a device. Power loss:
 * ends the session; offer a new one.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_session_offer_hybrid(aseptic_device *device,
                                            aseptic_identity *identity,
                                            aseptic_sender *sender,
                                            const aseptic_message *message,
                                            aseptic_slice kem_key,
                                            aseptic_session *session,
                                            aseptic_buf *out);
#endif

/**
 * Seals `body` in the session: 37 bytes longer at most. The recipient is looked up in the owner's trust store of today.
 *
 * Ownership: nothing is kept. Errors: NO_PURPOSE or SESSION_UNKNOWN if the recipient or its key is no longer trusted, TOO_LARGE,
 * SEQUENCE_EXHAUSTED: offer a new session; BUFFER_TOO_SMALL; no number is used then. Threads: as for all calls on a device.
 * Power loss: ends the session.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_session_seal(aseptic_device *device,
                                    aseptic_session *session,
                                    aseptic_slice body,
                                    aseptic_buf *out);

/**
 * The number of the session, by which a report names one that its recipient has lost. Then offer a new one.
 *
 * Ownership: nothing is kept. Errors: MISUSE; `number` is 0 then. Threads: as for all calls on a device. Power loss: nothing is
 * stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_session_number(aseptic_session *session,
                                      uint32_t *number);

/**
 * Ends `session` and wipes its keys. Does nothing to NULL or to memory that holds none; may be called twice.
 *
 * Ownership: the memory stays the caller's. Errors: none. Threads: as for all calls on a device. Power loss: nothing is stored.
 */
void aseptic_session_wipe(aseptic_session *session);

/**
 * Writes the public part of the key that others seal messages for (P-256, SEC 1 uncompressed, 65 bytes), and makes the key
 * if there is none. The hospital keeps it under the device's name; let it get there in a message that the device sealed.
 *
 * Ownership: `out` is the caller's, `workspace` is used during the call. Errors: BUFFER_TOO_SMALL, RECORD_CORRUPT,
 * PLATFORM_FULL, those of the platform. Threads: as for all calls on a device. Power loss: the key is recorded, or the next call
 * makes one.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_agreement_public(aseptic_device *device,
                                        aseptic_workspace *workspace,
                                        aseptic_buf *out);

/**
 * Replaces the key that others seal messages for. What was sealed for the former one does not open any more, so do it when
 * the hospital can take the new one; make the opener ready again after it.
 *
 * Ownership: `workspace` is used during the call. Errors: RECORD_CORRUPT, PLATFORM_FULL, those of the platform. Threads: as for
 * all calls on a device. Power loss: the former key is in use or the new one.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_agreement_renew(aseptic_device *device,
                                       aseptic_workspace *workspace);

/**
 * Makes `opener` ready; once at every start. `classes` are those that this device takes, all others are refused: the sum of
 * `1u << ASEPTIC_...`, for example `1u << ASEPTIC_CONFIGURATION`.
 *
 * Ownership: `opener` must not move until `aseptic_opener_wipe`; have one opener a device. Errors: MISUSE before the first
 * `aseptic_agreement_public`, MESSAGE_CLASS for classes that are none, RECORD_CORRUPT: see
 * `aseptic_opener_start_over`; ENTROPY_FAILED; `opener` is zeroed then. Threads: as for
 * all calls on a device. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_opener_init(aseptic_device *device,
                                   uint32_t classes,
                                   aseptic_opener *opener);

/**
 * Gives up the memory of what was opened, where `aseptic_opener_init` answers RECORD_CORRUPT, and makes `opener` ready with none:
 * what was handed over before may be handed over once more, by whoever kept it, but no command and no configuration.
 *
 * Ownership: as for `aseptic_opener_init`. Errors: as there; `opener` is zeroed then. Threads: as for all calls on a device. Power
 * loss: the record is gone, or is there and cannot be read.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_opener_start_over(aseptic_device *device,
                                         uint32_t classes,
                                         aseptic_opener *opener);

/**
 * Draws a challenge of 16 bytes for one command or configuration, to be sent to whoever is to give it, for example as the body
 * of a message. It holds for `lifetime_ms` milliseconds, ten minutes at most, and serves once; four may be open.
 *
 * Ownership: nothing is kept. Errors: MISUSE, ENTROPY_FAILED, BUFFER_TOO_SMALL. Threads: as for all calls on a device. Power loss:
 * ends all challenges.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_opener_challenge(aseptic_device *device,
                                        aseptic_opener *opener,
                                        uint64_t lifetime_ms,
                                        aseptic_buf *challenge);

/**
 * Opens one message that was sealed for this device under the name of `identity`. The sender is known by the key that the
 * owner's trust store pins for its name and the class of the message; or, if it has a certificate, by the verdict `sender`
 * about that for this class, else NULL.
 *
 * A command or configuration is handed over once at most and never after a newer one of its stream: that is stored before.
 * It must be for this device alone and answer a challenge of `aseptic_opener_challenge`, or name a time of its present boot.
 * All other classes are handed over until `aseptic_message_commit` was called with `ticket`, so commit when the body is stored.
 *
 * Ownership: `out` must have room for `sealed.len` bytes and overlap nothing else; the slices of `opened` lie in it. `ticket` must
 * not move until `aseptic_ticket_wipe`. Errors: COSE_NO_RECIPIENT, DECRYPT_FAILED, MESSAGE_MALFORMED, MESSAGE_UNKNOWN_SENDER,
 * UNKNOWN_SIGNER, SIGNATURE_INVALID, MESSAGE_IDENTITY, MESSAGE_NOT_FOR_US, MESSAGE_CLASS, COMMAND_NOT_FRESH, MESSAGE_REPLAYED, MESSAGE_TOO_OLD,
 * SENDERS_FULL, KEY_WRONG_USE for a birth identity, BUFFER_TOO_SMALL; nothing is stored then and all outputs are zeroed.
 * Threads: as for all calls on a device. Power loss: a command is handed over once or never, other messages come again.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_message_open(aseptic_device *device,
                                    aseptic_identity *identity,
                                    aseptic_opener *opener,
                                    aseptic_peer *sender,
                                    aseptic_slice sealed,
                                    aseptic_buf *out,
                                    aseptic_opened *opened,
                                    aseptic_ticket *ticket);

/**
 * Takes note that the message of `ticket` was handled: from now on it is refused when it comes again.
 *
 * Ownership: `ticket` is committed once, and serves for a receipt after it. Errors: MESSAGE_REPLAYED or MESSAGE_TOO_OLD if the
 * message was committed, or fell out of the window, since it was opened: then it has been handled twice. MISUSE for a ticket that
 * is committed, of a session, or of another opener or an earlier life of this one. After those of the platform the message may be handed over again. Threads: as for all calls on a
 * device. Power loss: noted or not.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_message_commit(aseptic_device *device,
                                      aseptic_opener *opener,
                                      aseptic_ticket *ticket);

/**
 * Forgets what was opened of one sender. Its old messages would be accepted again, so forget only what can no longer sign.
 *
 * Ownership: `name` is read during the call. Errors: MISUSE, those of the platform; nothing changes then. Threads: as for all
 * calls on a device. Power loss: forgotten or not.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_opener_forget(aseptic_device *device,
                                     aseptic_opener *opener,
                                     aseptic_slice name);

/**
 * Ends `opener` and wipes its memory. Does nothing to NULL or to memory that holds none; may be called twice.
 *
 * Ownership: the memory stays the caller's. Errors: none. Threads: as for all calls on a device. Power loss: what is stored
 * stays stored.
 */
void aseptic_opener_wipe(aseptic_opener *opener);

/**
 * Ends `ticket` and wipes its memory. Does nothing to NULL or to memory that holds none; may be called twice.
 *
 * Ownership: the memory stays the caller's. Errors: none. Threads: as for all calls on a device. Power loss: a message that was
 * not committed comes again.
 */
void aseptic_ticket_wipe(aseptic_ticket *ticket);

/**
 * Makes `sessions` ready, with none in it; once at every start.
 *
 * Ownership: `sessions` must not move until `aseptic_sessions_wipe`. Errors: MISUSE. Threads: as for all calls on a device. Power
 * loss: ends all sessions; their senders offer new ones when a report says so.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_sessions_init(aseptic_sessions *sessions);

/**
 * Takes the offer of a session, a message that `aseptic_message_open` has handed over on stream 3: `signed_message` as it was told,
 * and its `ticket`. It replaces the session of the same sender and class, and `accepted` tells what is missing at the end of that
 * one: commit what was opened first. `sender` as it was there.
 *
 * Ownership: nothing is kept; `ticket` is committed. Errors: MISUSE for a ticket of another message or one that is committed,
 * MESSAGE_MALFORMED for a message that offers none, ALGORITHM_UNSUPPORTED for a hybrid offer, which wants a KEM key that no device
 * has, MESSAGE_UNKNOWN_SENDER or DENIED if the sender is not accepted any more, SENDERS_FULL: call `aseptic_sessions_end` and this
 * again; nothing changes then, and `accepted` is zeroed. Threads: as for all calls on a device. Power loss: ends the session.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_sessions_accept(aseptic_device *device,
                                       aseptic_identity *identity,
                                       aseptic_opener *opener,
                                       aseptic_sessions *sessions,
                                       aseptic_peer *sender,
                                       aseptic_slice signed_message,
                                       aseptic_ticket *ticket,
                                       aseptic_accepted *accepted);

/**
 * Opens one message of a session. Its sender is looked up in the owner's trust store of today, or is the one of the verdict
 * `sender` about its certificate for this class, else NULL. It is handed over until `aseptic_sessions_commit` was called with
 * `ticket`, so commit when the body is stored.
 *
 * Ownership: `out` must have room for `message.len` bytes and overlap nothing else. `ticket` must not move until
 * `aseptic_ticket_wipe`. Errors: SESSION_UNKNOWN if no session has its key: say so by `aseptic_report_sign`; DECRYPT_FAILED,
 * MESSAGE_REPLAYED, MESSAGE_TOO_OLD, MESSAGE_UNKNOWN_SENDER or DENIED if the sender is not accepted any more, COSE_MALFORMED,
 * BUFFER_TOO_SMALL; all outputs are zeroed then. Threads: as for all calls on a device. Power loss: ends all sessions.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_sessions_open(aseptic_device *device,
                                     aseptic_sessions *sessions,
                                     aseptic_peer *sender,
                                     aseptic_slice message,
                                     aseptic_buf *out,
                                     aseptic_opened *opened,
                                     aseptic_ticket *ticket);

/**
 * Takes note that the message of `ticket` was handled: from now on it is refused when it comes again.
 *
 * Ownership: `ticket` is committed once. Errors: MESSAGE_REPLAYED if the message was committed since it was opened,
 * SESSION_UNKNOWN if the session has ended: either way the program has it. MISUSE for a ticket that is committed or of a sealed
 * message. Threads: as for all calls on a device. Power loss: ends all sessions.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_sessions_commit(aseptic_sessions *sessions,
                                       aseptic_ticket *ticket);

/**
 * Ends the sessions of the sender `name` and wipes their keys; for a sender that is gone, or to make room for another.
 *
 * Ownership: `name` is read during the call. Errors: MISUSE. Threads: as for all calls on a device. Power loss: ends all sessions.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_sessions_end(aseptic_sessions *sessions,
                                    aseptic_slice name);

/**
 * Ends `sessions` and wipes their keys. Does nothing to NULL or to memory that holds none; may be called twice.
 *
 * Ownership: the memory stays the caller's. Errors: none. Threads: as for all calls on a device. Power loss: nothing is stored.
 */
void aseptic_sessions_wipe(aseptic_sessions *sessions);

/**
 * Verifies a report of `signer`, a name that the owner's trust store pins for receipts, and tells what it says: of each message
 * whether it is in the record, for a program that shows it. The outbox takes the same report by `aseptic_outbox_settle`.
 *
 * Ownership: nothing is kept. Errors: NO_PURPOSE, UNKNOWN_SIGNER, SIGNATURE_INVALID (also for a report to another device),
 * MESSAGE_MALFORMED, KEY_WRONG_USE for a birth identity; `found` is zeroed then. Threads: as for all calls on a device. Power loss:
 * nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_report_verify(aseptic_device *device,
                                     aseptic_identity *identity,
                                     aseptic_slice signer,
                                     aseptic_slice report,
                                     aseptic_report *found);

/**
 * Signs a report for `sender`, whose messages this device opens: `count` outcomes, at most 16, then which numbers of its streams
 * are missing and which are asked for again after a restart. If the message that was opened last was refused for its number
 * alone, and there is room, its receipt is given again; and the session is named whose message `sessions` has refused last because
 * nobody here knows it, in every report until `aseptic_sessions_accept` has taken another: whose it was cannot be told. `sessions`
 * may be NULL.
 *
 * A message counts as stored after its `aseptic_message_commit` alone: the sender forgets it then. The recipient needs the key of
 * this device in its trust store, for receipts.
 *
 * Ownership: nothing is kept; tickets may serve again. Errors: MISUSE for the outcome of a message of another sender or of a
 * session, for one as stored that was not committed, for an outcome that is no status; TOO_LARGE for more of them; KEY_WRONG_USE for
 * a birth identity, KEY_BUSY (call again), BUFFER_TOO_SMALL. Threads: as for all calls on a device. Power loss: nothing is stored;
 * what has no receipt comes again.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_report_sign(aseptic_device *device,
                                   aseptic_identity *identity,
                                   aseptic_opener *opener,
                                   aseptic_sessions *sessions,
                                   aseptic_slice sender,
                                   const aseptic_outcome *outcomes,
                                   size_t count,
                                   aseptic_buf *out);

/**
 * Makes `link` ready, for answers of the central station `station`; once at every start. The device begins by alarming.
 *
 * Ownership: `link` must not move until `aseptic_link_wipe`. Errors: MISUSE, ENTROPY_FAILED; `link` is zeroed then: alarm. Threads:
 * as for all calls on a device. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_link_init(aseptic_device *device,
                                 aseptic_slice station,
                                 aseptic_link *link);

/**
 * Writes the next heartbeat, 8 bytes: send it to the station as the body of a message of a session, every three seconds. The
 * station answers with the same bytes, while somebody there can hear an alarm.
 *
 * Ownership: nothing is kept. Errors: MISUSE, BUFFER_TOO_SMALL; no heartbeat is open then. Threads: as for all calls on a device.
 * Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_link_beat(aseptic_device *device,
                                 aseptic_link *link,
                                 aseptic_buf *out);

/**
 * Takes the answer to a heartbeat: the message of `ticket`, which was opened. One to no open heartbeat changes nothing.
 *
 * Ownership: nothing is kept; commit the message as any other. Errors: MESSAGE_IDENTITY for a message of anybody but the station,
 * MESSAGE_MALFORMED for one that is no heartbeat; nothing changes then. Threads: as for all calls on a device. Power loss: the
 * device alarms.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_link_answered(aseptic_link *link,
                                     aseptic_ticket *ticket);

/**
 * Until when the station has the alarms: `until` on the scale of the platform's uptime, in milliseconds. From then on, and always
 * after an error, which leaves 0, the device sounds its alarms itself.
 *
 * Hand the time to the task that alarms, which compares it with the uptime: then the device alarms although the task that calls
 * the library hangs. Write it so that it cannot be read half.
 *
 * Ownership: nothing is kept. Errors: MISUSE. Threads: as for all calls on a device. Power loss: the device alarms.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_link_silent_until(aseptic_link *link,
                                         uint64_t *until);

/**
 * Ends `link` and wipes its memory: alarm from now on. Does nothing to NULL or to memory that holds none; may be called twice.
 *
 * Ownership: the memory stays the caller's. Errors: none. Threads: as for all calls on a device. Power loss: nothing is stored.
 */
void aseptic_link_wipe(aseptic_link *link);

/**
 * Proves that the relay `name` had `message`, which need not be opened for it: one of its countersignatures names the relay and was
 * made with the key that the owner's trust store pins for it, for `ASEPTIC_PURPOSE_NETWORK`, or that the verdict `relay` about its
 * certificate has, else NULL. `seconds` is when the relay says that was, in seconds since 1970; 0 if it says none.
 *
 * Nobody can make a hop up, anybody on the way may take one out: what is not proven may have been there all the same.
 *
 * Ownership: nothing is kept. Errors: UNKNOWN_SIGNER if no countersignature names the relay, SIGNATURE_INVALID if none that does
 * verifies, MESSAGE_UNKNOWN_SENDER if the owner knows no such relay, COSE_MALFORMED; `seconds` is 0 then. Threads: as for all calls on
 * a device. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_countersignature_verify(aseptic_device *device,
                                               aseptic_peer *relay,
                                               aseptic_slice name,
                                               aseptic_slice message,
                                               uint64_t *seconds);

/**
 * Writes `message`, of anybody for anybody, with a countersignature of this device more: for a device that carries the messages of
 * others. It names the local identity, and the time if the device knows one. The message opens as before.
 *
 * Ownership: nothing is kept. Errors: COSE_MALFORMED, TOO_LARGE where there are eight already, KEY_WRONG_USE for a birth identity,
 * KEY_BUSY (call again), BUFFER_TOO_SMALL: pass the message on as it was. Threads: as for all calls on a device. Power loss: nothing
 * is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_countersignature_add(aseptic_device *device,
                                            aseptic_identity *identity,
                                            aseptic_slice message,
                                            aseptic_buf *out);

#if defined(ASEPTIC_HOSTED)
/**
 * Opens the folder `folder` (UTF-8), or makes it in one that exists, and gives in `files` what `aseptic_files_platform` makes a
 * table of. `secret` has at least 32 random bytes from a place that is safer than the folder. `slot_size` is the size of each
 * of the two program slots in bytes, a multiple of 4,096; 0 for a device that takes no updates.
 *
 * Ownership: the inputs are read during the call; end `files` with `aseptic_files_free`. Errors: SECRET_TOO_SHORT, SECRET_WRONG,
 * FOLDER_BUSY while another process works on it, FILE_MISSING, FILE_DENIED, FILE_CORRUPT, DISK_FULL, MISUSE for slots of another
 * size than before; `files` is NULL then. Threads: any. Power loss: the folder is as it was, or new and empty.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_files_new(aseptic_slice folder,
                                 aseptic_slice secret,
                                 uint64_t slot_size,
                                 aseptic_files **files);
#endif

#if defined(ASEPTIC_HOSTED)
/**
 * Fills `platform` with a table over `files`, for `aseptic_device_init`.
 *
 * Ownership: `platform` is the caller's; `files` must outlive every device that is made of it. Errors: MISUSE; `platform` is left
 * alone then. Threads: any. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_files_platform(aseptic_files *files,
                                      aseptic_platform *platform);
#endif

#if defined(ASEPTIC_HOSTED)
/**
 * Closes `files` and releases the folder. Does nothing to NULL.
 *
 * Ownership: `files` is gone afterwards. Errors: none. Threads: no device made of it may be in use. Power loss: what is stored
 * stays stored.
 */
void aseptic_files_free(aseptic_files *files);
#endif

#if defined(ASEPTIC_HOSTED)
/**
 * Connects to `address` (host and port, UTF-8), shows `identity`, and gives the connection in `channel` and the verdict about the
 * server in `peer`: it must serve ASEPTIC_PURPOSE_NETWORK and bear the DNS name `name`. No step of it waits longer than `limit_ms`
 * milliseconds for the network.
 *
 * Ownership: the inputs are read during the call; end `channel` with `aseptic_channel_free`; `peer` must not move until
 * `aseptic_peer_wipe`. Errors: NETWORK_FAILED, TLS_FAILED, PEER_ANONYMOUS, KEY_WRONG_USE for a birth identity, MISUSE where
 * `identity` was replaced since it was loaded, those of `aseptic_peer_verify`; `channel` is NULL and `peer` zeroed then. Threads: as
 * for all calls on a device, but the connection itself may then be used by another. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_channel_connect(aseptic_device *device,
                                       aseptic_identity *identity,
                                       aseptic_slice address,
                                       aseptic_slice name,
                                       uint32_t limit_ms,
                                       aseptic_channel **channel,
                                       aseptic_peer *peer);
#endif

#if defined(ASEPTIC_HOSTED)
/**
 * Judges the server of a connection again by the trust stores and the time as they are now, and gives the new verdict in `peer`:
 * to be called when `aseptic_trust_epoch` has risen, and once a day on a connection that lasts. A server that is believed no
 * longer is told so, and the connection carries nothing more.
 *
 * Ownership: `peer` must not move until `aseptic_peer_wipe`. Errors: those of `aseptic_peer_verify`, which every later call with
 * `channel` but `aseptic_channel_free` answers too; `peer` is zeroed then. Threads: as for all calls on a device, and no other
 * call on `channel` may run. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_channel_judge(aseptic_device *device,
                                     aseptic_channel *channel,
                                     aseptic_peer *peer);
#endif

#if defined(ASEPTIC_HOSTED)
/**
 * Reads what has come, at most `out.cap` bytes, waiting for the first one; none when the server has closed the connection.
 *
 * Ownership: `out` is the caller's. Errors: NETWORK_FAILED, also where nothing came in time or the stream ended without its end
 * being told; BUFFER_TOO_SMALL without room. Threads: one connection, one thread at a time. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_channel_read(aseptic_channel *channel,
                                    aseptic_buf *out);
#endif

#if defined(ASEPTIC_HOSTED)
/**
 * Sends all of `bytes`.
 *
 * Ownership: `bytes` is read during the call. Errors: NETWORK_FAILED, TLS_FAILED: free the connection then. Threads: one
 * connection, one thread at a time. Power loss: nothing is stored.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_channel_write(aseptic_channel *channel,
                                     aseptic_slice bytes);
#endif

#if defined(ASEPTIC_HOSTED)
/**
 * Tells the server that nothing more will come, and closes the connection. Does nothing to NULL.
 *
 * Ownership: `channel` is gone afterwards. Errors: none. Threads: one connection, one thread at a time. Power loss: nothing is
 * stored.
 */
void aseptic_channel_free(aseptic_channel *channel);
#endif

#if defined(ASEPTIC_HOSTED)
/**
 * Enrols with the registrar at `address` (host and port, UTF-8), whose certificate must bear the DNS name `name`, with the
 * birth identity. `wait_seconds` becomes 0 when the new identity is stored, on probation; else call again after so long.
 *
 * Ownership: `workspace` is used during the call. Errors: those of `aseptic_enroller_begin` and `aseptic_enroller_step`,
 * NETWORK_FAILED, TLS_FAILED, HTTP_MALFORMED; nothing that is stored changes then and `wait_seconds` is 0. Threads: as for all
 * calls on a device; blocks for at most nine times `limit_ms`. Power loss: call it again; key and request stay the same.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_est_enrol(aseptic_device *device,
                                 aseptic_workspace *workspace,
                                 aseptic_slice address,
                                 aseptic_slice name,
                                 uint32_t limit_ms,
                                 uint32_t *wait_seconds);
#endif

#if defined(ASEPTIC_HOSTED)
/**
 * Enrols or renews on these terms; otherwise like `aseptic_est_enrol`. The library's own TLS proves possession by itself where
 * `terms` ask for it. `ASEPTIC_IDENTITY_SUCCESSOR` of `aseptic_identity_stage` shows how far a renewal has come: the identity
 * in use stays in use until its successor has been confirmed.
 *
 * Ownership: `terms` is read during the call; the rest as there. Errors: as there, MISUSE for other numbers than `terms` may hold
 * and to renew where no local identity is in use, IDENTITY_KEY_LOST where its key is gone. Threads: as there. Power loss: as
 * there.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_est_enrol_with(aseptic_device *device,
                                      aseptic_workspace *workspace,
                                      const aseptic_est_terms *terms,
                                      aseptic_slice address,
                                      aseptic_slice name,
                                      uint32_t limit_ms,
                                      uint32_t *wait_seconds);
#endif

/**
 * Tries `platform` out, on the device itself, and tells `test` what is wrong with it; `findings` is how much. For whoever writes
 * a port: it takes seconds and writes to the medium, and no device context may be in use meanwhile. `crypto` may be NULL; with
 * it, or with the cryptography that is built in, the signatures of the port are verified.
 *
 * Afterwards slots 0x00F0 and 0x00F1 are as they were, counter 7 is some steps higher, and no key is left. What stands on raw
 * flash is not touched; its reserve is tried out. Not found: entropy that is the same after each start, and a wrong
 * `image_select`, which is not called.
 *
 * Ownership: all memory stays the caller's. Errors: MISUSE for NULL, a table of another size, a missing required entry or an
 * incomplete group; `findings` is 0 then. A port with findings is answered with OK. Threads: no other call on this platform
 * meanwhile. Power loss: the two slots may then hold test bytes, and two keys remain until the next start.
 */
ASEPTIC_MUST_USE
aseptic_status aseptic_selftest_run(const aseptic_platform *platform,
                                    const aseptic_crypto *crypto,
                                    const aseptic_selftest *test,
                                    aseptic_selftest_memory *memory,
                                    uint32_t *findings);

/**
 * What a finding means, in one sentence of UTF-8 without a final zero; empty for a number that is none, and in a library that
 * was built without its texts (feature `text`).
 *
 * Ownership: static. Errors: none. Threads: any. Power loss: nothing is stored.
 */
aseptic_slice aseptic_selftest_problem(uint16_t finding);

/**
 * What to do about a finding, in one sentence of UTF-8 without a final zero; empty for a number that is none, and in a library
 * that was built without its texts (feature `text`).
 *
 * Ownership: static. Errors: none. Threads: any. Power loss: nothing is stored.
 */
aseptic_slice aseptic_selftest_remedy(uint16_t finding);

/**
 * Defined by the program, on bare metal: puts the device into its safe state and does not return. Called should the
 * library find itself in a state that its authors ruled out; nothing of it may be called any more.
 *
 * Ownership: none. Errors: none. Threads: the calling one. Power loss: whatever is stored is whole.
 */
extern void aseptic_fault(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ASEPTIC_H */
