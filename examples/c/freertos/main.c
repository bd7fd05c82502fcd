/* The sample on QEMU's mps2-an386: a therapy task of the highest priority with a period of 1 ms, which reports ten times a
 * second, beside the security task. After two seconds it says what came of it and ends the emulator.
 *
 * The device lies in RAM (tests/c/ram.c) and has no identity yet, so that reports end in ASEPTIC_NOT_PROVISIONED. */
#include "FreeRTOS.h"
#include "task.h"

#include "cortex_m/semihosting.h"
#include "ram.h"
#include "security_task.h"

#include <stdio.h>
#include <string.h>

enum { THERAPY_PRIORITY = configMAX_PRIORITIES - 1, PERIODS = 2000, REPORT_EVERY = 100, THERAPY_STACK = 1024 };
/* Words of the vector table that are copied, and those that FreeRTOS handles. */
enum { VECTORS = 64, SVC = 11, PENDSV = 14, SYSTICK = 15 };

void svc_handler(void);
void pendsv_handler(void);
void tick_handler(void);

static ram memory;
static aseptic_platform platform;
static StackType_t therapy_stack[THERAPY_STACK];
static StaticTask_t therapy_task;
static uint32_t vectors[VECTORS] __attribute__((aligned(256)));

/* Nothing goes anywhere here. */
void security_send(const uint8_t *message, size_t len)
{
    (void)message;
    (void)len;
}

static void therapy(void *parameter)
{
    static const uint8_t text[] = "heart rate 72";
    TickType_t woken = xTaskGetTickCount();
    unsigned missed = 0;
    unsigned reported = 0;
    unsigned lost = 0;
    char line[120];
    aseptic_status status;
    (void)parameter;
    for (unsigned period = 1; period <= PERIODS; period++) {
        /* False where the next period has begun already. */
        if (xTaskDelayUntil(&woken, 1) != pdTRUE) {
            missed++;
        }
        if (period % REPORT_EVERY == 0U) {
            reported++;
            if (security_report(text, sizeof text - 1U) == 0) {
                lost++;
            }
        }
    }
    status = security_status();
    (void)snprintf(line, sizeof line,
                   "FreeRTOS " tskKERNEL_VERSION_NUMBER ": %u periods of 1 ms, %u missed; %u reports, %u lost; status %ld\n",
                   (unsigned)PERIODS, missed, reported, lost, (long)status);
    semihosting_print(line);
    semihosting_exit(missed == 0U && lost == 0U && status == ASEPTIC_NOT_PROVISIONED ? 0 : 1);
}

/* The kernel's three handlers join the table of the startup code. */
static void take_vectors(void)
{
    volatile uint32_t *const table = (volatile uint32_t *)0xE000ED08U;
    (void)memcpy(vectors, (const void *)(uintptr_t)*table, sizeof vectors);
    vectors[SVC] = (uint32_t)(uintptr_t)svc_handler;
    vectors[PENDSV] = (uint32_t)(uintptr_t)pendsv_handler;
    vectors[SYSTICK] = (uint32_t)(uintptr_t)tick_handler;
    *table = (uint32_t)(uintptr_t)vectors;
}

int main(int count, char **words)
{
    (void)count;
    (void)words;
    take_vectors();
    ram_init(&memory);
    platform = ram_platform(&memory);
    security_clock(&platform);
    security_start(&platform);
    (void)xTaskCreateStatic(therapy, "therapy", THERAPY_STACK, NULL, THERAPY_PRIORITY, therapy_stack, &therapy_task);
    vTaskStartScheduler();
    return 1;
}

/* Where a product stops its actuators and sounds its alarm. */
void sample_assert(void)
{
    semihosting_print("FreeRTOS: an assertion failed\n");
    semihosting_exit(1);
}

void vApplicationStackOverflowHook(TaskHandle_t overflown, char *name)
{
    (void)overflown;
    (void)name;
    sample_assert();
}
