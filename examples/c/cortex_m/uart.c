#include "uart.h"

static volatile uint32_t *const DATA = (volatile uint32_t *)0x40004000u;
static volatile uint32_t *const STATE = (volatile uint32_t *)0x40004004u;
static volatile uint32_t *const CONTROL = (volatile uint32_t *)0x40004008u;
static volatile uint32_t *const DIVIDER = (volatile uint32_t *)0x40004010u;

enum { SEND_FULL = 1, RECEIVED = 2, SEND_AND_RECEIVE = 3, FASTEST = 16 };

/* Some seconds at the speed of the board, and of the emulator. */
static const uint32_t PATIENCE = 200u * 1000u * 1000u;

void uart_open(void)
{
    *DIVIDER = FASTEST;
    *CONTROL = SEND_AND_RECEIVE;
}

void uart_write(const char *text)
{
    for (; *text != '\0'; text++) {
        while ((*STATE & SEND_FULL) != 0) {
        }
        *DATA = (uint32_t)(uint8_t)*text;
    }
}

int uart_read(uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint32_t tries = PATIENCE;
        while ((*STATE & RECEIVED) == 0) {
            if (tries-- == 0) {
                return -1;
            }
        }
        out[i] = (uint8_t)*DATA;
    }
    return 0;
}
