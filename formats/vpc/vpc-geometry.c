/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHD geometries; see vpc-geometry.h. */
#include "vpc-geometry.h"

enum { CYLINDERS_FEW = 1024, HEADS_LEAST = 4 };

struct vpc_geometry vpc_geometry_of(uint64_t sectors)
{
    struct vpc_geometry g = {.heads = VPC_HEADS_MAX};
    uint64_t tracks;

    sectors = min_u64(sectors, VPC_GEOMETRY_MAX);
    if (sectors >= UINT64_C(65535) * VPC_HEADS_MAX * 63) {
        g.track_sectors = VPC_TRACK_SECTORS_MAX;
        tracks = sectors / g.track_sectors;
    } else {
        g.track_sectors = 17;
        tracks = sectors / g.track_sectors;
        uint64_t heads = div_up_u64(tracks, CYLINDERS_FEW);
        g.heads = (uint32_t)(heads < HEADS_LEAST ? HEADS_LEAST : heads);
        if (tracks >= g.heads * UINT64_C(1024) || g.heads > VPC_HEADS_MAX) {
            g.track_sectors = 31;
            g.heads = VPC_HEADS_MAX;
            tracks = sectors / g.track_sectors;
        }
        if (tracks >= g.heads * UINT64_C(1024)) {
            g.track_sectors = 63;
            g.heads = VPC_HEADS_MAX;
            tracks = sectors / g.track_sectors;
        }
    }
    g.cylinders = (uint32_t)(tracks / g.heads);
    return g;
}

struct vpc_geometry vpc_geometry_holding(uint64_t sectors)
{
    struct vpc_geometry g = {0, 0, 0};
    uint64_t wanted = min_u64(sectors, VPC_GEOMETRY_MAX);

    for (uint64_t tried = wanted; wanted > vpc_geometry_sectors(&g); tried++)
        g = vpc_geometry_of(tried);
    return g;
}
