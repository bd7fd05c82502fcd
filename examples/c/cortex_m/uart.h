/* The first serial line of the board (a CMSDK APB UART). */
#ifndef UART_H
#define UART_H

#include <stddef.h>
#include <stdint.h>

void uart_open(void);
void uart_write(const char *text);
/* Reads `len` bytes; 0, or -1 once the line has been silent for too long. */
int uart_read(uint8_t *out, size_t len);

#endif
