/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host gives up, before the guest's first instruction, what it will not need any more. */
#include <errno.h>
#include <sys/prctl.h>

#include "internal.h"

int confine_host(struct vmm *vmm)
{
    (void)vmm;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}
