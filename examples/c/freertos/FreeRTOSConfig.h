/* FreeRTOS 11 for the sample: static memory alone, preemption, ticks of 1 ms. Yours stays as it is; the sample asks for
 * INCLUDE_xTaskDelayUntil and configSUPPORT_STATIC_ALLOCATION. */
#ifndef FREERTOS_CONFIG_H
#define FREERTOS_CONFIG_H

#define configCPU_CLOCK_HZ 25000000UL /* QEMU's mps2-an386 */
#define configTICK_RATE_HZ 1000
#define configTICK_TYPE_WIDTH_IN_BITS TICK_TYPE_WIDTH_32_BITS
#define configUSE_PREEMPTION 1
#define configMAX_PRIORITIES 4
#define configMINIMAL_STACK_SIZE 128
#define configCHECK_FOR_STACK_OVERFLOW 2

#define configSUPPORT_STATIC_ALLOCATION 1
#define configSUPPORT_DYNAMIC_ALLOCATION 0
#define configKERNEL_PROVIDED_STATIC_MEMORY 1

#define configUSE_IDLE_HOOK 0
#define configUSE_TICK_HOOK 0
#define configUSE_TIMERS 0
#define INCLUDE_xTaskDelayUntil 1

/* Interrupts that may call FreeRTOS run at this priority or below; the kernel itself at the lowest. */
#define configMAX_SYSCALL_INTERRUPT_PRIORITY 0x50
#define configKERNEL_INTERRUPT_PRIORITY 0xFF

#define vPortSVCHandler svc_handler
#define xPortPendSVHandler pendsv_handler
#define xPortSysTickHandler tick_handler

void sample_assert(void);
#define configASSERT(condition) ((condition) ? (void)0 : sample_assert())

#endif
