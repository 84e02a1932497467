/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cylinders, heads and sectors for a size, by the VHD specification's appendix. */
#ifndef FORMATS_VPC_VPC_GEOMETRY_H
#define FORMATS_VPC_VPC_GEOMETRY_H

#include "vpc.h"

/* The geometry for @sectors sectors, which it may fall short of. */
struct vpc_geometry vpc_geometry_of(uint64_t sectors);
/* The first geometry, for growing numbers of sectors, that holds @sectors or is the largest. */
struct vpc_geometry vpc_geometry_holding(uint64_t sectors);

#endif
