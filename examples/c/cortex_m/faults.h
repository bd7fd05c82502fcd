/* A platform that does not work: between the library and the real one, one entry after the other goes wrong. */
#ifndef FAULTS_H
#define FAULTS_H

#include "aseptic.h"

enum { FAULTS_ENTRIES = 14 };
/* The entry answers an error; answers after 50 ms, of which it was busy for all; answers wrongly. With `rarely` at every third
 * call alone, so that what comes after the first calls is met too. */
enum { FAULTS_FAIL, FAULTS_BLOCK, FAULTS_CORRUPT, FAULTS_KINDS };

/* Puts itself before all entries of `platform` that are there. */
void faults_wrap(aseptic_platform *platform);
/* From now on this entry, 0 to FAULTS_ENTRIES - 1, goes wrong; FAULTS_ENTRIES for none. */
void faults_choose(uint32_t entry, uint32_t kind, int rarely);
/* Calls that went wrong since the start. */
uint32_t faults_met(void);

#endif
