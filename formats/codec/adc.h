/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Apple Data Compression: runs of plain bytes, and copies of what came before. No specification is
 * published. */
#ifndef FORMATS_CODEC_ADC_H
#define FORMATS_CODEC_ADC_H

#include <stddef.h>

/* Decode to exactly @out_bytes bytes; input behind them is not looked at. Returns 0, -FMT_EIO for
 * anything else. */
int adc_decode(const void *in, size_t in_bytes, void *out, size_t out_bytes);

#endif
