/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: counting references to clusters; see qcow2-check.h. */
#include "qcow2-check.h"

/* Where pages may be, for @clusters clusters; those that are there already keep their places. Pages
 * are whole where the file may grow. */
static int pages_make(struct qcow2_checker *c, uint64_t clusters)
{
    struct qcow2_counts *counts = &c->counts;
    uint64_t pages = div_up_u64(clusters, QCOW2_COUNT_PAGE);
    uint64_t old = div_up_u64(counts->clusters, QCOW2_COUNT_PAGE);
    uint16_t **page = fmt_alloc(c->image->env, pages * sizeof(*page));
    uint64_t **wide = fmt_alloc(c->image->env, pages * sizeof(*wide));

    if (!page || !wide)
        return -FMT_ENOMEM;
    if (old) {
        memcpy(page, counts->page, old * sizeof(*page));
        memcpy(wide, counts->wide, old * sizeof(*wide));
    }
    counts->page = page;
    counts->wide = wide;
    counts->clusters = c->fix ? pages * QCOW2_COUNT_PAGE : clusters;
    return 0;
}

int qcow2_counts_init(struct qcow2_checker *c)
{
    c->counts.narrow_max = (unsigned)min_u64(QCOW2_COUNT_MASK, c->state->refcounts.count_max);
    return pages_make(c, c->clusters + 1);
}

int qcow2_counts_grow(struct qcow2_checker *c, uint64_t clusters)
{
    int r = 0;

    if (clusters > QCOW2_CHECK_CLUSTERS_MAX)
        return -FMT_EFBIG;
    if (clusters + 1 > c->counts.clusters)
        r = pages_make(c, clusters + clusters / 4 + 1);
    if (r == 0 && clusters > c->clusters)
        c->clusters = clusters;
    return r;
}

/* Clusters that a page is made for: the last one may be short. */
static uint64_t page_clusters(const struct qcow2_counts *counts, uint64_t index)
{
    return min_u64(QCOW2_COUNT_PAGE, counts->clusters - index * QCOW2_COUNT_PAGE);
}

void qcow2_counts_clear(struct qcow2_checker *c)
{
    struct qcow2_counts *counts = &c->counts;

    for (uint64_t i = 0; i < div_up_u64(counts->clusters, QCOW2_COUNT_PAGE); i++) {
        uint64_t n = page_clusters(counts, i);
        if (counts->page[i])
            memset(counts->page[i], 0, n * sizeof(**counts->page));
        if (counts->wide[i])
            memset(counts->wide[i], 0, n * sizeof(**counts->wide));
    }
}

static int page_make(struct qcow2_checker *c, uint64_t index)
{
    struct qcow2_counts *counts = &c->counts;

    counts->page[index] =
        fmt_alloc(c->image->env, page_clusters(counts, index) * sizeof(**counts->page));
    return counts->page[index] ? 0 : -FMT_ENOMEM;
}

/* Give the page's counts more room. */
static int page_widen(struct qcow2_checker *c, uint64_t index)
{
    struct qcow2_counts *counts = &c->counts;
    uint64_t n = page_clusters(counts, index);
    uint64_t *wide = fmt_alloc(c->image->env, n * sizeof(*wide));

    if (!wide)
        return -FMT_ENOMEM;
    for (uint64_t i = 0; i < n; i++) {
        uint16_t count = counts->page[index][i];
        uint64_t flags = count & (QCOW2_COUNT_COPIED | QCOW2_COUNT_NOT_COPIED);
        wide[i] = (count & QCOW2_COUNT_MASK) | flags << QCOW2_WIDE_SHIFT;
    }
    counts->wide[index] = wide;
    counts->page[index] = NULL;
    return 0;
}

uint64_t qcow2_references(const struct qcow2_checker *c, uint64_t cluster)
{
    uint64_t index = cluster >> QCOW2_COUNT_PAGE_BITS, at = cluster % QCOW2_COUNT_PAGE;

    if (c->counts.wide[index])
        return c->counts.wide[index][at] & QCOW2_WIDE_MASK;
    return c->counts.page[index] ? c->counts.page[index][at] & QCOW2_COUNT_MASK : 0;
}

/* One more reference, where a page has to be made or changed, or the count is at its maximum. */
static int cluster_count(struct qcow2_checker *c, uint64_t cluster)
{
    struct qcow2_counts *counts = &c->counts;
    uint64_t index = cluster >> QCOW2_COUNT_PAGE_BITS;
    int r = 0;

    if (qcow2_references(c, cluster) == c->state->refcounts.count_max) {
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_OVERFLOW,
                      FMT_NUM(cluster << c->state->header.cluster_bits));
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_OVERFLOW_HELP);
        c->result->corruptions++;
        return 0;
    }
    if (!counts->page[index] && !counts->wide[index])
        r = page_make(c, index);
    else if (!counts->wide[index])
        r = page_widen(c, index);
    if (r == 0 && counts->wide[index])
        counts->wide[index][cluster % QCOW2_COUNT_PAGE]++;
    else if (r == 0)
        counts->page[index][cluster % QCOW2_COUNT_PAGE]++;
    return r;
}

int qcow2_reference_add(struct qcow2_checker *c, uint64_t cluster)
{
    return qcow2_cluster_count(c, cluster, 0) ? 0 : cluster_count(c, cluster);
}

int qcow2_range_count(struct qcow2_checker *c, uint64_t offset, uint64_t bytes)
{
    unsigned bits = c->state->header.cluster_bits;

    if (bytes == 0)
        return 0;
    /* As the reference computes it: with sign, and no regard to overflows. */
    if ((int64_t)(offset + bytes - c->file_bytes) >= (int64_t)c->state->cluster_bytes) {
        qcow2_finding(c, FMT_ERR_QCOW2_CHECK_BEHIND_END, FMT_NUM(offset), FMT_NUM(bytes));
        c->result->corruptions++;
        return 0;
    }
    if (offset > INT64_MAX)
        return -FMT_ENOMEM; /* the number of a cluster beyond all bounds */
    uint64_t last = (offset + bytes - 1) >> bits;
    if (last >= c->clusters)
        c->clusters = last + 1;
    for (uint64_t cluster = offset >> bits; cluster <= last; cluster++) {
        int r = qcow2_reference_add(c, cluster);
        if (r < 0) {
            c->result->check_errors++;
            return r;
        }
    }
    return 0;
}

void qcow2_copied_note(struct qcow2_checker *c, uint64_t offset, bool copied)
{
    uint64_t cluster = offset >> c->state->header.cluster_bits;
    uint64_t index = cluster >> QCOW2_COUNT_PAGE_BITS, at = cluster % QCOW2_COUNT_PAGE;
    unsigned flag = copied ? QCOW2_COUNT_COPIED : QCOW2_COUNT_NOT_COPIED;

    if (cluster < c->clusters && c->counts.page[index])
        c->counts.page[index][at] |= (uint16_t)flag;
    else if (cluster < c->clusters && c->counts.wide[index])
        c->counts.wide[index][at] |= (uint64_t)flag << QCOW2_WIDE_SHIFT;
    else
        c->copied_doubtful = true;
}
