/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checking a qcow2 image: how often everything refers to each cluster, against the refcounts that
 * the image holds.
 *
 * References are counted in pages of 64 Ki clusters, made where there are references: memory goes
 * by what is in use, not by how long the file is. All tables are read once, many at a time; COPIED
 * flags of the active tables are noted with the counts, so that the tables are gone through again
 * only where one of the flags may be wrong.
 */
#ifndef FORMATS_QCOW2_CHECK_H
#define FORMATS_QCOW2_CHECK_H

#include "qcow2.h"

enum {
    QCOW2_COUNT_PAGE_BITS = 16,
    QCOW2_COUNT_PAGE = 1 << QCOW2_COUNT_PAGE_BITS, /* clusters of a page of counts */
    QCOW2_CHECK_READS = 240,                       /* tables read at once */
    QCOW2_CHECK_BUFFER_BYTES = 2 << 20,            /* at least one table, of the largest clusters */
};

/* The reference counts in int: longer files are refused. */
#define QCOW2_CHECK_CLUSTERS_MAX UINT64_C(0x7fffffff)
/* Entries of L2 tables looked at in all: tables that name each other's clusters over and over must
 * not keep the caller for ever. */
#define QCOW2_CHECK_ENTRIES_MAX (UINT64_C(1) << 36)

/* A count of a page: the references, and whether an active entry with or without COPIED is one of
 * them. */
#define QCOW2_COUNT_MASK 0x3fffu
#define QCOW2_COUNT_COPIED 0x4000u
#define QCOW2_COUNT_NOT_COPIED 0x8000u
/* The same of a wide page. */
#define QCOW2_WIDE_MASK (UINT64_MAX >> 2)
#define QCOW2_WIDE_SHIFT 48 /* from the flags above to those in a wide count */

struct qcow2_counts {
    uint16_t **page;   /* by cluster >> QCOW2_COUNT_PAGE_BITS; NULL: no references, or wide */
    uint64_t **wide;   /* pages with counts that were too large */
    uint64_t clusters; /* that pages can be made for */
    unsigned narrow_max;
};

struct qcow2_checker {
    struct fmt_image *image;
    struct qcow2_state *state;
    struct fmt_check *result;
    uint64_t file_bytes; /* in whole sectors */
    uint64_t clusters;   /* of the file; one more where something ends behind it */
    uint64_t highest;    /* the last cluster that is counted or referred to */
    uint64_t plain_mask; /* bits of L2 entries of plain data clusters */
    uint64_t entries_left;
    struct qcow2_counts counts;
    unsigned fix;          /* FMT_FIX_*: what is to be mended */
    unsigned fixing;       /* what the comparison that is under way mends */
    uint64_t writable_off; /* the cluster that was found to be so last; 0: none */
    unsigned writable_ignore;
    uint64_t freed_off,
        freed_bytes; /* clusters that are free now, their space not yet given back */
    bool rebuild;    /* the refcounts cannot be mended, only made anew */
    bool active;     /* the tables gone through are the disk's, not a snapshot's */
    bool copied_doubtful;
    struct fmt_read read[QCOW2_CHECK_READS];
    uint8_t *buffer;
};

#define qcow2_finding(c, code, ...)                                                                \
    (c)->result->finding((c)->result->finding_ctx, (code), FMT_ARGS(__VA_ARGS__))

/* What a finding that can be mended begins with. */
static inline const char *qcow2_verb(const struct qcow2_checker *c, unsigned fix)
{
    return c->fix & fix ? "Repairing" : "ERROR";
}

/* Count what is wrong, report it, and mend what is asked for with @fix (FMT_FIX_*). Returns 0 or a
 * negative errno where the check came to no end. */
int qcow2_check(struct fmt_image *image, struct fmt_check *check, unsigned fix);

/* ---- qcow2-check-count.c ---- */

/* Take memory for counting the references to c->clusters clusters. */
int qcow2_counts_init(struct qcow2_checker *c);
/* Forget all references. */
void qcow2_counts_clear(struct qcow2_checker *c);
/* Make c->clusters, and what can be counted, at least @clusters. Returns 0 or a negative errno. */
int qcow2_counts_grow(struct qcow2_checker *c, uint64_t clusters);
/* One more reference to each cluster that [offset, offset + bytes) touches; findings where that
 * cannot be. Returns 0 or -FMT_ENOMEM. */
int qcow2_range_count(struct qcow2_checker *c, uint64_t offset, uint64_t bytes);
/* One more reference to a cluster of those that are counted. Returns 0 or -FMT_ENOMEM. */
int qcow2_reference_add(struct qcow2_checker *c, uint64_t cluster);
/* How many references there are. */
uint64_t qcow2_references(const struct qcow2_checker *c, uint64_t cluster);
/* An active entry with or without COPIED leads to @offset. */
void qcow2_copied_note(struct qcow2_checker *c, uint64_t offset, bool copied);

/* One more reference where that is simple; false: nothing was done. */
static inline bool qcow2_cluster_count(struct qcow2_checker *c, uint64_t cluster, unsigned flag)
{
    uint16_t *page = c->counts.page[cluster >> QCOW2_COUNT_PAGE_BITS];
    uint16_t *count = page ? page + cluster % QCOW2_COUNT_PAGE : NULL;

    if (!count || (*count & QCOW2_COUNT_MASK) >= c->counts.narrow_max)
        return false;
    *count = (uint16_t)((*count + 1u) | flag);
    return true;
}

/* ---- qcow2-check-snapshots.c ---- */

/* Look for what is wrong with the table of snapshots, and read it; where it is mended, as it will
 * be. Returns 0 or a negative errno. */
int qcow2_snapshots_check(struct qcow2_checker *c);
/* Write the table anew where something was found wrong with it, if that is to be mended. Clusters
 * must be counted as they are by then. Returns 0 or a negative errno, told. */
int qcow2_snapshots_mend(struct qcow2_checker *c);

/* ---- qcow2-check-walk.c ---- */

/* A table of one cluster that is wanted, and read. */
struct qcow2_table {
    uint64_t offset;
    bool none;            /* there is no table */
    const uint8_t *bytes; /* out: NULL where it holds only zeroes */
    int status;           /* out: 0 or a negative errno */
};

/* How many tables qcow2_tables_read() takes at most. */
unsigned qcow2_tables_max(const struct qcow2_checker *c);
/* Read tables, all at once; what was read before is gone. */
void qcow2_tables_read(struct qcow2_checker *c, struct qcow2_table *tables, unsigned count);

typedef int qcow2_l1_visit(struct qcow2_checker *c, uint32_t index, uint64_t l1_entry,
                           const struct qcow2_table *table);
/* Visit the entries of an L1 table that are not 0, in order, each with its L2 table. Ends with the
 * first negative errno. */
int qcow2_l1_walk(struct qcow2_checker *c, uint64_t l1_off, uint32_t entries,
                  qcow2_l1_visit *visit);

/* ---- qcow2-check-tables.c ---- */

/* Count what an L1 table and its L2 tables refer to. */
int qcow2_l1_check(struct qcow2_checker *c, uint64_t l1_off, uint32_t entries, bool active);

/* ---- qcow2-check-copied.c ---- */

/* Compare the COPIED flags of the active tables with the refcounts. */
int qcow2_copied_check(struct qcow2_checker *c);

/* ---- qcow2-check-compare.c ---- */

/* Count the refcount blocks. */
int qcow2_blocks_check(struct qcow2_checker *c);
/* Compare the refcounts of all clusters with the references that were counted, and make them what
 * they should be where @fix (FMT_FIX_*) says so. */
void qcow2_counts_compare(struct qcow2_checker *c, unsigned fix);
/* The block at @index of the refcount table cannot be one: said once. */
void qcow2_block_unaligned(struct qcow2_checker *c, uint64_t index, uint64_t offset);

/* ---- qcow2-check-overlap.c ---- */

#define QCOW2_IGNORE_L1 1u
#define QCOW2_IGNORE_L2 2u
#define QCOW2_IGNORE_BLOCKS 4u

/* Whether [off, off + bytes) may be written: 0, or -FMT_EIO where other metadata lies there than
 * @ignore says, which marks the image as corrupt. */
int qcow2_write_check(struct qcow2_checker *c, uint64_t off, uint64_t bytes, unsigned ignore);

/* ---- qcow2-check-fix.c ---- */

/* Say what makes no sense, and that the image is marked as corrupt now; only once. */
void qcow2_corruption_mark(struct qcow2_checker *c, enum fmt_error_code code,
                           const struct fmt_error_arg *args, unsigned count);

/* Change the refcount of a cluster, whose block is there. */
int qcow2_refcount_set(struct qcow2_checker *c, uint64_t cluster, uint64_t count);
/* Change the entry of an L1 or L2 table at @entry_off. */
int qcow2_entry_set(struct qcow2_checker *c, uint64_t entry_off, uint64_t entry);
/* The image is whole: take away the marks that say something else. */
int qcow2_marks_clear(struct qcow2_checker *c);

/* ---- qcow2-check-rebuild.c ---- */

/* Make a new refcount table and new blocks of the references that were counted; their clusters are
 * counted, too. Returns 0 or a negative errno, told. */
int qcow2_refcounts_rebuild(struct qcow2_checker *c);

#endif
