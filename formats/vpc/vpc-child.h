/* SPDX-License-Identifier: GPL-2.0-or-later */
/* New differencing images: what they say of their parent. */
#ifndef FORMATS_VPC_VPC_CHILD_H
#define FORMATS_VPC_VPC_CHILD_H

#include "vpc.h"

enum { VPC_PARENT_NAME_BYTES = 512 };

struct vpc_child {
    const struct vpc_state *parent;
    uint32_t parent_time; /* seconds since VPC_EPOCH_SECONDS */
    uint8_t parent_name[VPC_PARENT_NAME_BYTES];
    struct vpc_locator locator[VPC_LOCATORS];
    uint8_t *text[VPC_LOCATORS]; /* locator[i].length_bytes of it, in whole sectors */
    unsigned locators;
};

/* Look at the parent of the new image @create. Returns 0 or a negative errno, recorded. */
int vpc_child_plan(struct fmt_env *env, const struct fmt_create *create, struct vpc_child *child);
/* Give the locators their places from @*offset on, which moves behind them. */
void vpc_child_place(struct vpc_child *child, uint64_t *offset);
/* Enter the parent into the dynamic disk header (before its checksum). */
void vpc_child_header(const struct vpc_child *child, uint8_t *header);
/* Write the locators' texts. Returns 0 or a negative errno. */
int vpc_child_write(struct fmt_env *env, uint32_t device, const struct vpc_child *child);

#endif
