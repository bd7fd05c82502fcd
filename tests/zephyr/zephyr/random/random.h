/* As for zephyr/kernel.h. */
#ifndef TESTS_ZEPHYR_RANDOM_H
#define TESTS_ZEPHYR_RANDOM_H

#include <stddef.h>

int sys_csrand_get(void *dst, size_t len);

#endif
