/* The layout of everything that a program and the library share. A change here breaks every program that is linked already:
 * it needs another ASEPTIC_ABI_VERSION and another name of the shared library. */
#include "aseptic.h"

#define HOLDS(name, condition) typedef char name[(condition) ? 1 : -1]

#if UINTPTR_MAX == 0xFFFFFFFF
#define NATIVE(bits32, bits64) (bits32)
#else
#define NATIVE(bits32, bits64) (bits64)
#endif

#define SIZE(type, bits32, bits64) HOLDS(size_of_##type, sizeof(type) == NATIVE(bits32, bits64))
#define AT(type, field, bits32, bits64) HOLDS(type##_##field, offsetof(type, field) == NATIVE(bits32, bits64))

HOLDS(abi_version, ASEPTIC_ABI_VERSION == 1);

SIZE(aseptic_status, 4, 4);
HOLDS(status_is_signed, (aseptic_status)-1 < 0);

/* Contexts have one size everywhere, so that a structure around them has too. */
/* From here on written by `cargo xtask abi --accept`: bytes with 32 and with 64 bit. */

SIZE(aseptic_slice, 8, 16);
AT(aseptic_slice, ptr, 0, 0);
AT(aseptic_slice, len, 4, 8);

SIZE(aseptic_device, 9984, 9984);

SIZE(aseptic_platform, 116, 224);
AT(aseptic_platform, size, 0, 0);
AT(aseptic_platform, reserved, 4, 4);
AT(aseptic_platform, ctx, 8, 8);
AT(aseptic_platform, entropy_fill, 12, 16);
AT(aseptic_platform, clock_now, 16, 24);
AT(aseptic_platform, clock_uptime, 20, 32);
AT(aseptic_platform, store_load, 24, 40);
AT(aseptic_platform, store_save, 28, 48);
AT(aseptic_platform, store_erase, 32, 56);
AT(aseptic_platform, counter_read, 36, 64);
AT(aseptic_platform, counter_advance, 40, 72);
AT(aseptic_platform, counter_hardware, 44, 80);
AT(aseptic_platform, key_generate, 48, 88);
AT(aseptic_platform, key_public, 52, 96);
AT(aseptic_platform, key_sign_digest, 56, 104);
AT(aseptic_platform, key_agree, 60, 112);
AT(aseptic_platform, key_next, 64, 120);
AT(aseptic_platform, key_destroy, 68, 128);
AT(aseptic_platform, image_geometry, 72, 136);
AT(aseptic_platform, image_erase, 76, 144);
AT(aseptic_platform, image_write, 80, 152);
AT(aseptic_platform, image_read, 84, 160);
AT(aseptic_platform, image_running, 88, 168);
AT(aseptic_platform, image_select, 92, 176);
AT(aseptic_platform, on_event, 96, 184);
AT(aseptic_platform, flash_geometry, 100, 192);
AT(aseptic_platform, flash_read, 104, 200);
AT(aseptic_platform, flash_program, 108, 208);
AT(aseptic_platform, flash_erase, 112, 216);

SIZE(aseptic_crypto, 64, 120);
AT(aseptic_crypto, size, 0, 0);
AT(aseptic_crypto, reserved, 4, 4);
AT(aseptic_crypto, ctx, 8, 8);
AT(aseptic_crypto, sha256_start, 12, 16);
AT(aseptic_crypto, sha256_update, 16, 24);
AT(aseptic_crypto, sha256_finish, 20, 32);
AT(aseptic_crypto, p256_verify, 24, 40);
AT(aseptic_crypto, ed25519_start, 28, 48);
AT(aseptic_crypto, ed25519_update, 32, 56);
AT(aseptic_crypto, ed25519_finish, 36, 64);
AT(aseptic_crypto, p256_ephemeral, 40, 72);
AT(aseptic_crypto, aes_gcm_seal, 44, 80);
AT(aseptic_crypto, aes_gcm_open, 48, 88);
AT(aseptic_crypto, chacha20_poly1305_seal, 52, 96);
AT(aseptic_crypto, chacha20_poly1305_open, 56, 104);
AT(aseptic_crypto, aes_block, 60, 112);

SIZE(aseptic_component, 24, 32);
AT(aseptic_component, id, 0, 0);
AT(aseptic_component, offset, 8, 16);
AT(aseptic_component, length, 16, 24);

SIZE(aseptic_model, 68, 104);
AT(aseptic_model, vendor, 0, 0);
AT(aseptic_model, device_class, 16, 16);
AT(aseptic_model, component, 32, 32);
AT(aseptic_model, components, 40, 48);
AT(aseptic_model, component_count, 44, 56);
AT(aseptic_model, device_id, 48, 64);
AT(aseptic_model, key_encryption_key, 56, 80);
AT(aseptic_model, agreement_key, 64, 96);

SIZE(aseptic_update, 2176, 2176);

SIZE(aseptic_statements, 40, 72);
AT(aseptic_statements, serial, 0, 0);
AT(aseptic_statements, approval, 8, 16);
AT(aseptic_statements, downgrade, 16, 32);
AT(aseptic_statements, waiver, 24, 48);
AT(aseptic_statements, presence, 32, 64);
AT(aseptic_statements, source, 36, 68);

SIZE(aseptic_part, 40, 56);
AT(aseptic_part, uri, 0, 0);
AT(aseptic_part, payload, 8, 16);
AT(aseptic_part, offset, 16, 32);
AT(aseptic_part, missing, 24, 40);
AT(aseptic_part, number, 32, 48);
AT(aseptic_part, reserved, 33, 49);

SIZE(aseptic_buf, 12, 24);
AT(aseptic_buf, ptr, 0, 0);
AT(aseptic_buf, cap, 4, 8);
AT(aseptic_buf, len, 8, 16);

SIZE(aseptic_workspace, 20736, 20736);

SIZE(aseptic_device_name, 32, 64);
AT(aseptic_device_name, serial, 0, 0);
AT(aseptic_device_name, hardware_type, 8, 16);
AT(aseptic_device_name, hardware_serial, 16, 32);
AT(aseptic_device_name, udi, 24, 48);

SIZE(aseptic_lists, 16, 24);
AT(aseptic_lists, size, 0, 0);
AT(aseptic_lists, count, 4, 4);
AT(aseptic_lists, ctx, 8, 8);
AT(aseptic_lists, read, 12, 16);

SIZE(aseptic_list, 3840, 3840);

SIZE(aseptic_list_info, 80, 80);
AT(aseptic_list_info, size, 0, 0);
AT(aseptic_list_info, entries, 4, 4);
AT(aseptic_list_info, this_update, 8, 8);
AT(aseptic_list_info, next_update, 16, 16);
AT(aseptic_list_info, number, 24, 24);
AT(aseptic_list_info, age, 44, 44);
AT(aseptic_list_info, reserved, 45, 45);
AT(aseptic_list_info, key, 48, 48);

SIZE(aseptic_peer, 192, 192);

SIZE(aseptic_value, 80, 80);
AT(aseptic_value, number, 0, 0);
AT(aseptic_value, kind, 8, 8);
AT(aseptic_value, len, 9, 9);
AT(aseptic_value, reserved, 10, 10);
AT(aseptic_value, bytes, 16, 16);

SIZE(aseptic_finding, 192, 208);
AT(aseptic_finding, size, 0, 0);
AT(aseptic_finding, reason, 4, 4);
AT(aseptic_finding, place, 8, 8);
AT(aseptic_finding, index, 9, 9);
AT(aseptic_finding, reserved, 10, 10);
AT(aseptic_finding, field, 16, 16);
AT(aseptic_finding, rule, 24, 32);
AT(aseptic_finding, wanted, 32, 48);
AT(aseptic_finding, found, 112, 128);

SIZE(aseptic_identity, 192, 192);

SIZE(aseptic_enroller, 128, 128);

SIZE(aseptic_est_terms, 8, 8);
AT(aseptic_est_terms, identity, 0, 0);
AT(aseptic_est_terms, attributes, 1, 1);
AT(aseptic_est_terms, proof_of_possession, 2, 2);
AT(aseptic_est_terms, reserved, 3, 3);

SIZE(aseptic_enrol_action, 48, 88);
AT(aseptic_enrol_action, kind, 0, 0);
AT(aseptic_enrol_action, reserved, 1, 1);
AT(aseptic_enrol_action, wait_seconds, 4, 4);
AT(aseptic_enrol_action, method, 8, 8);
AT(aseptic_enrol_action, authority, 16, 24);
AT(aseptic_enrol_action, path, 24, 40);
AT(aseptic_enrol_action, content_type, 32, 56);
AT(aseptic_enrol_action, body, 40, 72);

SIZE(aseptic_est_answer, 44, 80);
AT(aseptic_est_answer, status, 0, 0);
AT(aseptic_est_answer, reserved, 4, 4);
AT(aseptic_est_answer, content_type, 8, 8);
AT(aseptic_est_answer, retry_after, 16, 24);
AT(aseptic_est_answer, location, 24, 40);
AT(aseptic_est_answer, body, 32, 56);

SIZE(aseptic_renewal_state, 40, 40);
AT(aseptic_renewal_state, size, 0, 0);
AT(aseptic_renewal_state, failed, 4, 4);
AT(aseptic_renewal_state, since_seconds, 8, 8);
AT(aseptic_renewal_state, window_start, 16, 16);
AT(aseptic_renewal_state, window_end, 24, 24);
AT(aseptic_renewal_state, hint, 32, 32);
AT(aseptic_renewal_state, reserved, 33, 33);

SIZE(aseptic_renewal, 32, 32);
AT(aseptic_renewal, seconds, 0, 0);
AT(aseptic_renewal, days_left, 8, 8);
AT(aseptic_renewal, windows_left, 16, 16);
AT(aseptic_renewal, kind, 24, 24);
AT(aseptic_renewal, identity, 25, 25);
AT(aseptic_renewal, reserved, 26, 26);

SIZE(aseptic_inventory_item, 152, 152);
AT(aseptic_inventory_item, size, 0, 0);
AT(aseptic_inventory_item, purposes, 4, 4);
AT(aseptic_inventory_item, not_before, 8, 8);
AT(aseptic_inventory_item, not_after, 16, 16);
AT(aseptic_inventory_item, days_left, 24, 24);
AT(aseptic_inventory_item, kind, 32, 32);
AT(aseptic_inventory_item, time_trust, 33, 33);
AT(aseptic_inventory_item, name_len, 34, 34);
AT(aseptic_inventory_item, serial_len, 35, 35);
AT(aseptic_inventory_item, serial, 36, 36);
AT(aseptic_inventory_item, key, 56, 56);
AT(aseptic_inventory_item, name, 88, 88);

SIZE(aseptic_sender, 128, 128);

SIZE(aseptic_message, 32, 56);
AT(aseptic_message, message_class, 0, 0);
AT(aseptic_message, stream, 1, 1);
AT(aseptic_message, reserved, 2, 2);
AT(aseptic_message, recipient, 8, 8);
AT(aseptic_message, content_type, 16, 24);
AT(aseptic_message, body, 24, 40);

SIZE(aseptic_outbox, 4224, 4224);

SIZE(aseptic_message_id, 24, 24);
AT(aseptic_message_id, epoch, 0, 0);
AT(aseptic_message_id, sequence, 8, 8);
AT(aseptic_message_id, stream, 16, 16);
AT(aseptic_message_id, reserved, 17, 17);

SIZE(aseptic_settled, 16, 16);
AT(aseptic_settled, stored, 0, 0);
AT(aseptic_settled, rejected, 4, 4);
AT(aseptic_settled, again, 8, 8);
AT(aseptic_settled, lost_session, 12, 12);

SIZE(aseptic_session, 256, 256);

SIZE(aseptic_opener, 3008, 3008);

SIZE(aseptic_opened, 80, 112);
AT(aseptic_opened, message_class, 0, 0);
AT(aseptic_opened, stream, 1, 1);
AT(aseptic_opened, order, 2, 2);
AT(aseptic_opened, restarted, 3, 3);
AT(aseptic_opened, time_trust, 4, 4);
AT(aseptic_opened, reserved, 5, 5);
AT(aseptic_opened, missing, 8, 8);
AT(aseptic_opened, epoch, 16, 16);
AT(aseptic_opened, sequence, 24, 24);
AT(aseptic_opened, seconds, 32, 32);
AT(aseptic_opened, degraded, 40, 40);
AT(aseptic_opened, content_format, 44, 44);
AT(aseptic_opened, sender, 48, 48);
AT(aseptic_opened, content_type, 56, 64);
AT(aseptic_opened, body, 64, 80);
AT(aseptic_opened, signed_message, 72, 96);

SIZE(aseptic_ticket, 224, 224);

SIZE(aseptic_sessions, 1408, 1408);

SIZE(aseptic_accepted, 24, 24);
AT(aseptic_accepted, number, 0, 0);
AT(aseptic_accepted, earlier, 4, 4);
AT(aseptic_accepted, reserved, 5, 5);
AT(aseptic_accepted, run, 8, 8);
AT(aseptic_accepted, messages, 16, 16);

SIZE(aseptic_receipt, 48, 48);
AT(aseptic_receipt, message, 0, 0);
AT(aseptic_receipt, digest, 24, 24);
AT(aseptic_receipt, outcome, 40, 40);
AT(aseptic_receipt, reserved, 44, 44);

SIZE(aseptic_stream, 40, 40);
AT(aseptic_stream, epoch, 0, 0);
AT(aseptic_stream, high, 8, 8);
AT(aseptic_stream, missing, 16, 16);
AT(aseptic_stream, uncertain, 24, 24);
AT(aseptic_stream, stream, 32, 32);
AT(aseptic_stream, reserved, 33, 33);

SIZE(aseptic_report, 944, 944);
AT(aseptic_report, receipt_count, 0, 0);
AT(aseptic_report, stream_count, 4, 4);
AT(aseptic_report, lost_session, 8, 8);
AT(aseptic_report, reserved, 12, 12);
AT(aseptic_report, receipts, 16, 16);
AT(aseptic_report, streams, 784, 784);

SIZE(aseptic_outcome, 12, 16);
AT(aseptic_outcome, ticket, 0, 0);
AT(aseptic_outcome, outcome, 4, 8);
AT(aseptic_outcome, reserved, 8, 12);

SIZE(aseptic_link, 192, 192);

SIZE(aseptic_selftest, 20, 32);
AT(aseptic_selftest, size, 0, 0);
AT(aseptic_selftest, options, 4, 4);
AT(aseptic_selftest, ctx, 8, 8);
AT(aseptic_selftest, finding, 12, 16);
AT(aseptic_selftest, power_cut, 16, 24);

SIZE(aseptic_selftest_memory, 16384, 16384);
