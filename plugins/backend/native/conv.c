/* SPDX-License-Identifier: BSD-3-Clause
 * conv.c - convolution and the gradient of its input as dense correlations, image by image. The
 * input under a stride of s falls into s x s phases (pixels with the same remainder); each is a
 * correlation of dY, at stride 1, with those taps that reach it, flipped:
 *   dx[i] = sum over taps a with (i + pad - a dil) = s t of w[a] dy[t].
 * Panels of weights, per group: forward (o/PANEL,kh,kw,c/groups,PANEL), as pack.c stores them;
 * flipped (c/groups/PANEL,kh,kw,o/groups,PANEL), taps from the last to the first. */
#include "conv.h"

rad_status NAME(conv_check)(rad_ctx *c, const rad_conv *g)
{
  if (g->type == RAD_BF16)
    return rad_fail(c, RAD_EINVAL, "convolves no bf16, use [backend] plugin = reference");
  if (g->groups == 0 || g->c % g->groups > 0 || g->o % g->groups > 0)
    return rad_fail(c, RAD_EINVAL, "%zu channels to %zu in %zu groups: groups must divide both",
                    g->c, g->o, g->groups);
  if (g->kh == 0 || g->kw == 0 || g->sh == 0 || g->sw == 0 || g->dh == 0 || g->dw == 0)
    return rad_fail(c, RAD_EINVAL, "kernel, stride and dilation of a convolution must be >= 1");
  return RAD_OK;
}

static bool is_packed(const rad_conv *g)
{
  return g->packed && g->packed->layout != 0;
}

/* --- forward --- */

/* W in panels, each group by itself */
static const float *forward_panels(rad_ctx *c, const rad_conv *g)
{
  const size_t og = g->o / g->groups, K = g->kh * g->kw * (g->c / g->groups);
  if (is_packed(g))
    return g->weight;
  float *w = floats3(c, g->groups, panels(og) * PANEL, K);
  for (size_t group = 0; w && group < g->groups; group++)
    for (size_t o = 0; o < og; o += PANEL) {
      const size_t n = least(og - o, PANEL);
      float *to = w + (group * panels(og) * PANEL + o) * K;
      if (n < PANEL)
        memset(to, 0, PANEL * K * sizeof *to);
      NAME(transpose)(n, K, (const float *)g->weight + (group * og + o) * K, K, to, PANEL);
    }
  return w;
}

/* what stays the same from image to image and group to group; `width` of X in memory */
static corr forward(const rad_conv *g, size_t width)
{
  const size_t cg = g->c / g->groups, og = g->o / g->groups;
  const bool joined = g->groups == 1 && g->dw == 1; /* the taps of a kernel's row lie together */
  return (corr){.n = og,
                .na = g->kh,
                .nb = joined ? 1 : g->kw,
                .run = joined ? g->kw * cg : cg,
                .x_row = width * g->c,
                .x_pixel = g->sw * g->c,
                .x_tap = g->dw * g->c,
                .step = g->sh,
                .gap = g->dh,
                .first = -(ptrdiff_t)g->ph,
                .w_panel = g->kh * g->kw * cg * PANEL,
                .w_row = g->kw * cg * PANEL,
                .w_tap = cg * PANEL,
                .y_pixel = g->o,
                .act = g->act <= RAD_ACT_LEAKY ? g->act : RAD_ACT_NONE,
                .alpha = g->act_alpha};
}

rad_status NAME(conv)(rad_ctx *c, const rad_conv *g)
{
  RAD_TRY(NAME(conv_check)(c, g));
  const size_t cg = g->c / g->groups, og = g->o / g->groups;
  if (g->n == 0 || g->oh == 0 || g->ow == 0 || g->o == 0)
    return RAD_OK;
  halo h = conv_halo(g);
  RAD_TRY(NAME(halo)(c, &h, g->h, g->w, g->c));
  const float *w = cg > 0 ? forward_panels(c, g) : NULL;
  if (!w && cg > 0)
    return RAD_ENOMEM;
  corr k = forward(g, h.room ? h.width : g->w);
  for (size_t i = 0; i < conv_images(g); i++) {
    const rad_conv one = conv_image(g, i);
    const float *x = NAME(with_halo)(&h, one.x, one.h, one.w, one.c);
    k.rows = one.oh, k.cols = one.ow, k.height = one.h, k.y_row = one.ow * one.o;
    for (size_t q = 0; q < g->groups; q++) {
      k.x = x + q * cg;
      k.w = w + q * panels(og) * k.w_panel;
      k.y = (float *)one.y + q * og;
      k.bias = g->bias ? g->bias + q * og : NULL;
      NAME(correlate)(&k);
    }
    if (g->act > RAD_ACT_LEAKY)
      RAD_TRY(NAME(math).act(c, g->act, g->act_alpha, one.oh * one.ow * one.o, one.y, one.y));
  }
  return RAD_OK;
}

/* --- gradient of the input --- */

/* Flipped panels from panels, outputs lo .. hi-1; lo is a multiple of PANEL. */
static void flip(const float *packed, size_t taps, size_t channels, size_t o, size_t lo, size_t hi,
                 float *out)
{
  for (; lo < hi; lo += PANEL)
    for (size_t t = 0; t < taps; t++)
      for (size_t i = 0; i < channels; i += PANEL) {
        const size_t n = least(channels - i, PANEL), m = least(hi - lo, PANEL);
        float *to = out + ((i * taps) + (taps - 1 - t) * PANEL) * o + lo * PANEL;
        if (n < PANEL)
          memset(to, 0, m * PANEL * sizeof *to);
        NAME(transpose)
        (n, m, packed + lo * taps * channels + (t * channels + i) * PANEL, PANEL, to, PANEL);
      }
}

/* the same from the plain weights of one group (o,taps,channels) */
static void flip_plain(const float *w, size_t taps, size_t channels, size_t o, float *out)
{
  for (size_t i = 0; i < channels; i += PANEL)
    for (size_t t = taps; t-- > 0;)
      for (size_t q = 0; q < o; q++, out += PANEL) {
        const size_t n = least(channels - i, PANEL);
        memcpy(out, w + (q * taps + t) * channels + i, n * sizeof *out);
        memset(out + n, 0, (PANEL - n) * sizeof *out);
      }
}

size_t NAME(conv_shadow_size)(const rad_param *p)
{
  const size_t *d = p->shape.dim, taps = d[1] * d[2], columns = panels(d[3]) * PANEL;
  return taps > 0 && columns <= SIZE_MAX / sizeof(float) / d[0] / taps
             ? d[0] * taps * columns * sizeof(float)
             : 0;
}

void NAME(conv_shadow)(const rad_param *p, size_t lo, size_t hi)
{
  const size_t *d = p->shape.dim;
  flip(p->value, d[1] * d[2], d[3], d[0], lo, hi, p->shadow);
}

static const float *flipped_panels(rad_ctx *c, const rad_conv *g)
{
  const size_t cg = g->c / g->groups, og = g->o / g->groups, taps = g->kh * g->kw;
  if (is_packed(g) && g->packed->shadow)
    return g->packed->shadow;
  float *w = floats3(c, g->groups * panels(cg) * PANEL, og, taps);
  for (size_t q = 0; w && q < g->groups; q++)
    if (is_packed(g))
      flip(g->weight, taps, cg, og, 0, og, w);
    else
      flip_plain((const float *)g->weight + q * og * taps * cg, taps, cg, og,
                 w + q * panels(cg) * PANEL * og * taps);
  return w;
}

/* One axis of a phase. Input at + t * stride, t < n, takes tap first_tap + j * every, counted from
 * the last one, from output t + j * gap + first. */
typedef struct phase {
  size_t at, n, taps, first_tap, every, gap;
  ptrdiff_t first;
} phase;

/* the phase of input `at`, which is below stride and len */
static phase phase_of(size_t at, size_t stride, size_t kernel, size_t dil, size_t pad, size_t len)
{
  phase p = {.at = at, .n = (len - 1 - at) / stride + 1, .every = 1};
  size_t tap = 0;
  while (p.every * dil % stride > 0)
    p.every++;
  p.gap = p.every * dil / stride;
  while (tap < p.every && tap * dil % stride != (at + pad) % stride)
    tap++;
  if (tap == p.every || tap >= kernel)
    return p; /* no tap */
  p.taps = (kernel - 1 - tap) / p.every + 1;
  const size_t last = tap + (p.taps - 1) * p.every;
  p.first_tap = kernel - 1 - last;
  p.first = ((ptrdiff_t)(at + pad) - (ptrdiff_t)(last * dil)) / (ptrdiff_t)stride;
  return p;
}

/* dx of one image in one phase; dy has `left` zeros in front of rows of `width` pixels */
static void phase_input(const rad_conv *g, const phase *v, const phase *u, const float *w,
                        const float *dy, size_t left, size_t width)
{
  const size_t cg = g->c / g->groups, og = g->o / g->groups;
  const bool joined = g->groups == 1 && u->gap == 1 && u->every == 1 && u->taps > 0;
  corr k = {.rows = v->n,
            .cols = u->n,
            .n = cg,
            .na = v->taps,
            .nb = joined ? 1 : u->taps,
            .run = joined ? u->taps * og : og,
            .x_row = width * g->o,
            .x_pixel = g->o,
            .x_tap = u->gap * g->o,
            .height = g->oh,
            .step = 1,
            .gap = v->gap,
            .first = v->first,
            .w_panel = g->kh * g->kw * og * PANEL,
            .w_row = v->every * g->kw * og * PANEL,
            .w_tap = u->every * og * PANEL,
            .y_row = g->sh * g->w * g->c,
            .y_pixel = g->sw * g->c};
  const size_t x = u->taps > 0 ? (size_t)((ptrdiff_t)left + u->first) * g->o : 0,
               tap = (v->first_tap * g->kw + u->first_tap) * og * PANEL;
  for (size_t q = 0; q < g->groups; q++) {
    k.x = dy + x + q * og;
    k.w = w + q * panels(cg) * k.w_panel + tap;
    k.y = (float *)g->dx + (v->at * g->w + u->at) * g->c + q * cg;
    NAME(correlate)(&k);
  }
}

rad_status NAME(conv_input)(rad_ctx *c, const rad_conv *g)
{
  RAD_TRY(NAME(conv_check)(c, g));
  if (g->n == 0 || g->h == 0 || g->w == 0 || g->c == 0)
    return RAD_OK;
  const size_t reach = (g->kw - 1) * g->dw;
  halo h = {.left = reach > g->pw ? (reach - g->pw + g->sw - 1) / g->sw : 0};
  h.width = conv_pointwise(g) ? 0 : h.left + (g->w - 1 + g->pw) / g->sw + 1;
  RAD_TRY(NAME(halo)(c, &h, g->oh, g->ow, g->o));
  const float *w = g->o > 0 ? flipped_panels(c, g) : NULL;
  if (!w && g->o > 0)
    return RAD_ENOMEM;
  const size_t left = h.room ? h.left : 0;
  for (size_t i = 0; i < conv_images(g); i++) {
    const rad_conv one = conv_image(g, i);
    const float *dy = NAME(with_halo)(&h, one.dy, one.oh, one.ow, one.o);
    for (size_t a = 0; a < least(g->sh, one.h); a++) {
      const phase v = phase_of(a, g->sh, g->kh, g->dh, g->ph, one.h);
      for (size_t b = 0; b < least(g->sw, one.w); b++) {
        const phase u = phase_of(b, g->sw, g->kw, g->dw, g->pw, one.w);
        phase_input(&one, &v, &u, w, dy, left, h.room ? h.width : one.ow);
      }
    }
  }
  return RAD_OK;
}
