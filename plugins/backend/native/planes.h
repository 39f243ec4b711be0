/* SPDX-License-Identifier: BSD-3-Clause
 * planes.h - images by channel, for sparse convolutions. Channels become planes, in which the
 * places of X and of Y have the same grid: output (i,j) of an image is at i width + j, and tap
 * (a,b) meets the input that is a fixed number of floats behind it, in the plane of its channel
 * and, under strides, its phase (pixels with the same remainders). Zeros between rows pad on both
 * sides. X (n,h,w,c), Y (n,oh,ow,o). */
#ifndef NATIVE_PLANES_H
#define NATIVE_PLANES_H
#include "conv.h"

typedef struct planes {
  size_t rows, width;   /* of one image in a plane */
  size_t phases;        /* planes of a channel of X */
  size_t images, n;     /* of a block; its places, in whole vectors */
  size_t before, plane; /* floats in front of a plane's places, which are 0; from plane to plane */
  float *zeros, *rest;  /* a pixel that is read, one that is written, where there is none */
} planes;

/* For a call that has images, pixels and outputs: blocks of images whose planes, of `channels` in
 * all, stay near. */
rad_status NAME(planes_of)(rad_ctx *, const rad_conv *, size_t channels, planes *);
size_t NAME(planes_places)(const planes *, size_t images); /* of a block of fewer images */
/* Scratch memory for `count` planes, zeros between their places. */
float *NAME(planes_new)(rad_ctx *, const planes *, size_t count);

/* Which pixel of the block is at a place; UINT32_MAX: none. Of Y (n), and of X (phases,n). */
const uint32_t *NAME(planes_outputs)(rad_ctx *, const rad_conv *, const planes *);
const uint32_t *NAME(planes_inputs)(rad_ctx *, const rad_conv *, const planes *);

/* n places of out (channels,plane) from in (pixels,channels) */
void NAME(planes_fill)(const planes *, size_t n, const uint32_t *place, size_t pixels,
                       size_t channels, const float *in, float *out);
/* sums (rows,n) to channels 0 .. rows-1 of their pixels in out (pixels,channels); rest: of planes
 */
void NAME(planes_scatter)(size_t rows, size_t n, const float *sums, float *rest,
                          const uint32_t *place, size_t pixels, size_t channels, float *out);
#endif
