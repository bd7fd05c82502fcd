/* The smallest firmware that has the library in it: says which one it is. */
#include "aseptic.h"
#include "semihosting.h"

#include <string.h>

int main(void)
{
    char text[32] = { 0 };
    aseptic_slice version = aseptic_version();
    if (aseptic_abi_version() != ASEPTIC_ABI_VERSION || version.len > sizeof text - 2) {
        return 1;
    }
    (void)memcpy(text, version.ptr, version.len);
    text[version.len] = '\n';
    semihosting_print("aseptic ");
    semihosting_print(text);
    return 0;
}
