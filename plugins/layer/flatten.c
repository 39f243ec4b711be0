/* SPDX-License-Identifier: BSD-3-Clause
 * flatten.c - all axes into one: x (n,H,W,C), y (n,C H W). Channels come first, so that the weights
 * of the layer behind it mean the same as in frameworks that store images as C,H,W. */
#include <rademacher/layer.h>

typedef struct flatten {
  size_t S, C; /* places, channels; set by plan */
} flatten;

static rad_status plan(rad_ctx *c, void *self, rad_plan *p)
{
  flatten *f = self;
  if (p->nin != 1)
    return rad_fail(c, RAD_EINVAL, "has one input, not %u: join them with another layer first",
                    (unsigned)p->nin);
  const rad_shape *in = &p->in[0];
  const size_t n = rad_count(in);
  f->C = in->rank > 2 ? in->dim[in->rank - 1] : 1;
  f->S = n / (f->C ? f->C : 1);
  p->out = (rad_shape){1, {n}};
  p->props = RAD_AFFINE;
  p->flags = f->C > 1 && f->S > 1 ? 0 : RAD_VIEW; /* else the order is the same */
  return RAD_OK;
}

/* out (cols,rows) = in (rows,cols), in squares of 4 x 4: four stores to a place, not one */
static void transpose(size_t rows, size_t cols, const float *restrict in, float *restrict out)
{
  const size_t R = rows - rows % 4, C = cols - cols % 4;
  for (size_t c = 0; c < C; c += 4)
    for (size_t r = 0; r < R; r += 4)
      for (size_t i = 0; i < 4; i++) {
        const float *from = in + r * cols + c + i;
        float *to = out + (c + i) * rows + r;
        const float a = from[0], b = from[cols], d = from[2 * cols], e = from[3 * cols];
        to[0] = a, to[1] = b, to[2] = d, to[3] = e;
      }
  for (size_t c = 0; c < cols; c++)
    for (size_t r = c < C ? R : 0; r < rows; r++)
      out[c * rows + r] = in[r * cols + c];
}

/* y[c,s] = x[s,c] */
static rad_status forward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const flatten *f = self;
  const size_t n = f->S * f->C;
  (void)c;
  for (size_t i = 0; i < p->n; i++)
    transpose(f->S, f->C, p->x[0] + i * n, p->y + i * n);
  return RAD_OK;
}

/* dx[s,c] = dy[c,s] */
static rad_status backward(rad_ctx *c, const void *self, const rad_pass *p)
{
  const flatten *f = self;
  const size_t n = f->S * f->C;
  (void)c;
  for (size_t i = 0; p->dx[0] && i < p->n; i++)
    transpose(f->C, f->S, p->dy + i * n, p->dx[0] + i * n);
  return RAD_OK;
}

static rad_status onnx(rad_ctx *c, const void *self, rad_sketch *s)
{
  (void)c;
  (void)self;
  return s->op(s, RAD_NEW(rad_op, .type = "Flatten", .nin = 1, .in = {RAD_OP_X(0)}, .nattr = 1,
                          .attr = {RAD_ATTR_INT("axis", 1)}));
}

static const rad_layer_ops ops = {
    .size = sizeof ops, .plan = plan, .forward = forward, .backward = backward, .onnx = onnx};
static const rad_plugin flatten_plugin = {RAD_PLUGIN(RAD_LAYER, "flatten", flatten, &ops),
                                          .needs = 1,
                                          .summary = "one axis out of all, channels first"};
RAD_EXPORT(&flatten_plugin)
