/* What the port uses of Zephyr's interface, declared by us for a check of types alone: no code of Zephyr. */
#ifndef TESTS_ZEPHYR_KERNEL_H
#define TESTS_ZEPHYR_KERNEL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

int64_t k_uptime_get(void);

#endif
