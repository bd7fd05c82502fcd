#include "security_task.h"

#include "FreeRTOS.h"
#include "queue.h"
#include "task.h"

#include <string.h>

enum { PRIORITY = tskIDLE_PRIORITY + 1, SEALED = 8192 };

typedef struct {
    uint8_t text[SECURITY_OBSERVATION];
    size_t len;
} observation;

static const char RECIPIENT[] = "record-adapter-1";
static const char CONTENT_TYPE[] = "text/plain";

static StackType_t stack[SECURITY_STACK / sizeof(StackType_t)];
static StaticTask_t task;
static uint8_t waiting[SECURITY_WAITING * sizeof(observation)];
static StaticQueue_t queue_memory;
static QueueHandle_t queue;
static volatile aseptic_status last;

static aseptic_device device;
static aseptic_sender sender;
static aseptic_identity identity;
static uint8_t sealed[SEALED];

static uint64_t uptime(void *ctx)
{
    /* The kernel counts how often its ticks have wrapped around, which a counter of 32 bit does after 49 days. */
    TimeOut_t now;
    (void)ctx;
    vTaskSetTimeOutState(&now);
    return (((uint64_t)(uint32_t)now.xOverflowCount << 32) | now.xTimeOnEntering) * portTICK_PERIOD_MS;
}

static aseptic_slice slice(const void *bytes, size_t len)
{
    aseptic_slice it = { bytes, len };
    return it;
}

/* Seals one observation and sends it. Without an identity there is nothing to sign with yet: it is dropped. */
static aseptic_status pass_on(const observation *it)
{
    aseptic_buf out = { sealed, sizeof sealed, 0 };
    aseptic_message message;
    aseptic_status status = aseptic_identity_load(&device, ASEPTIC_IDENTITY_LOCAL, &identity);
    if (status != ASEPTIC_OK) {
        return status;
    }
    (void)memset(&message, 0, sizeof message);
    message.message_class = ASEPTIC_TELEMETRY;
    message.recipient = slice(RECIPIENT, sizeof RECIPIENT - 1U);
    message.content_type = slice(CONTENT_TYPE, sizeof CONTENT_TYPE - 1U);
    message.body = slice(it->text, it->len);
    status = aseptic_message_seal(&device, &identity, &sender, &message, &out);
    aseptic_identity_wipe(&identity);
    if (status == ASEPTIC_OK) {
        security_send(out.ptr, out.len);
    }
    return status;
}

static void run(void *parameter)
{
    observation it;
    uint8_t boot = 0;
    aseptic_status status = aseptic_device_init(&device, parameter, NULL);
    if (status == ASEPTIC_OK) {
        status = aseptic_boot_state(&device, &boot);
    }
    if (status == ASEPTIC_OK) {
        status = aseptic_sender_init(&device, &sender);
    }
    last = status;
    for (;;) {
        /* Therapy goes on without the library; what waits is taken and dropped where it cannot be sent. */
        if (xQueueReceive(queue, &it, portMAX_DELAY) == pdTRUE && status == ASEPTIC_OK) {
            last = pass_on(&it);
        }
    }
}

void security_clock(aseptic_platform *platform)
{
    platform->clock_uptime = uptime;
}

void security_start(const aseptic_platform *platform)
{
    queue = xQueueCreateStatic(SECURITY_WAITING, sizeof(observation), waiting, &queue_memory);
    (void)xTaskCreateStatic(run, "security", sizeof stack / sizeof stack[0], (void *)platform, PRIORITY, stack, &task);
}

int security_report(const uint8_t *text, size_t len)
{
    observation it;
    if (len > sizeof it.text) {
        return 0;
    }
    (void)memset(&it, 0, sizeof it);
    (void)memcpy(it.text, text, len);
    it.len = len;
    return xQueueSend(queue, &it, 0) == pdTRUE;
}

aseptic_status security_status(void)
{
    return last;
}
