/* Frames over standard input and output: four bytes of length, big endian, and the bytes. */
#ifndef FRAMES_H
#define FRAMES_H

#include "aseptic.h"
#include "check.h"

#include <stdio.h>

enum { ROOM = 65536, CHAIN = 4 };

static uint8_t frames[CHAIN][ROOM];

static void tell(const uint8_t *bytes, size_t len)
{
    uint8_t head[4] = { (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len };
    CHECK(fwrite(head, 1, 4, stdout) == 4);
    CHECK(len == 0 || fwrite(bytes, 1, len, stdout) == len);
    CHECK(fflush(stdout) == 0);
}

/* The next frame, which lies in `frames[frame]`. */
static aseptic_slice hear(unsigned frame)
{
    uint8_t head[4];
    aseptic_slice slice = { frames[frame], 0 };
    CHECK(fread(head, 1, 4, stdin) == 4);
    slice.len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    CHECK(slice.len <= ROOM && fread(frames[frame], 1, slice.len, stdin) == slice.len);
    return slice;
}

/* As many certificates as the first frame says. */
static size_t hear_chain(aseptic_slice chain[CHAIN])
{
    size_t count = hear(0).ptr[0];
    CHECK(count <= CHAIN);
    for (unsigned i = 0; i < count; i++) {
        chain[i] = hear(i);
    }
    return count;
}

#endif
