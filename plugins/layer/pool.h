/* SPDX-License-Identifier: BSD-3-Clause
 * pool.h - the windows of max_pool and avg_pool: K x K places, every S places down and across, on
 * an input (H,W,C) with P places around it that are left out of a maximum and 0 in a mean. Output
 * (OH,OW,C), OH = (H + 2 P - K) / S + 1, rounded down. */
#ifndef PLUGINS_LAYER_POOL_H
#define PLUGINS_LAYER_POOL_H
#include <rademacher/layer.h>

typedef struct pool {
  size_t K, S, P, H, W, C, OH, OW;
} pool;

/* Places lo .. hi-1 of a window that are on the input, along one axis. */
typedef struct pool_span {
  size_t lo, hi;
} pool_span;

static inline pool_span pool_clip(const pool *g, size_t out, size_t len)
{
  const size_t at = out * g->S; /* of the window's first place, on the padded axis */
  const size_t lo = at < g->P ? g->P - at : 0, end = len + g->P - at;
  return (pool_span){lo, end < g->K ? end : g->K};
}

/* Index of the first channel of a window's place (0,0), in one sample. It wraps below 0 where that
 * place is on the padding; adding pool_tap of a place on the input wraps it back. */
static inline size_t pool_origin(const pool *g, size_t oh, size_t ow)
{
  return ((oh * g->S - g->P) * g->W + ow * g->S - g->P) * g->C;
}

static inline size_t pool_tap(const pool *g, size_t a, size_t b)
{
  return (a * g->W + b) * g->C;
}

/* stride 0: as the kernel */
static inline rad_status pool_plan(rad_ctx *c, pool *g, rad_plan *p, int32_t kernel, int32_t stride,
                                   int32_t pad)
{
  if (p->nin != 1)
    return rad_fail(c, RAD_EINVAL, "has one input, not %u: join them with another layer first",
                    (unsigned)p->nin);
  if (p->in[0].rank != 3)
    return rad_fail(c, RAD_EINVAL, "wants images (height, width, channels), its input has %zu axes",
                    p->in[0].rank);
  const size_t *d = p->in[0].dim;
  *g = (pool){.K = (size_t)kernel,
              .S = (size_t)(stride > 0 ? stride : kernel),
              .P = (size_t)pad,
              .H = d[0],
              .W = d[1],
              .C = d[2]};
  if (2 * g->P > g->K)
    return rad_fail(c, RAD_EINVAL,
                    "pad = %zu is more than half of the kernel, %zux%zu: some "
                    "windows would be empty",
                    g->P, g->K, g->K);
  if (g->K > g->H + 2 * g->P || g->K > g->W + 2 * g->P)
    return rad_fail(c, RAD_EINVAL,
                    "the kernel, %zux%zu, is larger than its input, %zux%zu with the padding: "
                    "smaller kernel, larger pad, or fewer strides before it",
                    g->K, g->K, g->H + 2 * g->P, g->W + 2 * g->P);
  g->OH = (g->H + 2 * g->P - g->K) / g->S + 1;
  g->OW = (g->W + 2 * g->P - g->K) / g->S + 1;
  p->out = (rad_shape){3, {g->OH, g->OW, g->C}};
  return RAD_OK;
}

/* "MaxPool", "AveragePool" with zeros that count */
static inline rad_status pool_onnx(rad_sketch *s, const char *type, size_t kernel, size_t stride,
                                   size_t pad)
{
  const int64_t k = (int64_t)kernel, t = (int64_t)stride, p = (int64_t)pad;
  return s->op(
      s, RAD_NEW(
             rad_op, .type = type, .nin = 1, .in = {RAD_OP_X(0)}, .nattr = type[0] == 'A' ? 4 : 3,
             .attr = {RAD_ATTR_LIST("kernel_shape", 2, k, k), RAD_ATTR_LIST("strides", 2, t, t),
                      RAD_ATTR_LIST("pads", 4, p, p, p, p), RAD_ATTR_INT("count_include_pad", 1)}));
}
#endif
