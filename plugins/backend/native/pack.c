/* SPDX-License-Identifier: BSD-3-Clause
 * pack.c - the layout of weights (R,K), K all axes but the first: panels (ceil(R/PANEL),K,PANEL),
 * zeros behind row R-1; and transposition, on which it is built. A convolution's weights have a
 * shadow (conv.c). */
#include "vec.h"

NOINLINE void square(const float *in, size_t ldi, float *out, size_t ldo)
{
  vec r[VL];
  UNROLL
  for (size_t i = 0; i < VL; i++)
    r[i] = vec_load(in + i * ldi);
  vec_transpose(r);
  UNROLL
  for (size_t j = 0; j < VL; j++)
    vec_store(out + j * ldo, r[j]);
}

/* `rows` rows of `cols`, both <= VL */
static void corner(size_t rows, size_t cols, const float *in, size_t ldi, float *out, size_t ldo)
{
  vec r[VL];
  for (size_t i = 0; i < VL; i++)
    r[i] = i >= rows    ? (vec){0}
           : cols == VL ? vec_load(in + i * ldi)
                        : vec_load_n(in + i * ldi, cols);
  vec_transpose(r);
  for (size_t j = 0; j < VL; j++)
    if (j < cols && rows == VL)
      vec_store(out + j * ldo, r[j]);
    else if (j < cols)
      vec_store_n(out + j * ldo, r[j], rows);
}

/* out[j ldo + i] = in[i ldi + j] */
void NAME(transpose)(size_t rows, size_t cols, const float *in, size_t ldi, float *out, size_t ldo)
{
  for (size_t i = 0; i < rows; i += VL)
    for (size_t j = 0; j < cols; j += VL) {
      const size_t m = least(rows - i, VL), n = least(cols - j, VL);
      const float *from = in + i * ldi + j;
      float *to = out + j * ldo + i;
      if (m == VL && n == VL)
        square(from, ldi, to, ldo);
      else
        corner(m, n, from, ldi, to, ldo);
    }
}

/* a tensor as a matrix (rows,cols) */
static bool matrix(const rad_param *p, size_t *rows, size_t *cols)
{
  if (p->shape.rank != 2 && p->shape.rank != 4)
    return false;
  *rows = p->shape.dim[0];
  *cols = 1;
  for (size_t i = 1; i < p->shape.rank; i++)
    *cols *= p->shape.dim[i];
  return *rows > 0 && *cols > 0;
}

bool NAME(layout)(rad_ctx *c, const rad_param *p, rad_layout *l)
{
  size_t rows, cols;
  (void)c;
  if (!matrix(p, &rows, &cols) || panels(rows) > SIZE_MAX / PANEL / cols)
    return false;
  *l = (rad_layout){.n = panels(rows) * PANEL * cols, .rows = PANEL};
  l->shadow = p->shape.rank == 4 ? NAME(conv_shadow_size)(p) : 0;
  return true;
}

rad_status NAME(pack)(rad_ctx *c, const rad_param *p, bool back, float *plain, float *packed)
{
  size_t rows, cols;
  if (!matrix(p, &rows, &cols))
    return rad_fail(c, RAD_EINVAL, "%s is no matrix: it is stored as declared", p->name);
  for (size_t i = 0; i < rows; i += PANEL) {
    const size_t n = least(rows - i, PANEL);
    float *at = packed + i * cols;
    if (n < PANEL && !back)
      memset(at, 0, PANEL * cols * sizeof *at);
    if (back)
      NAME(transpose)(cols, n, at, PANEL, plain + i * cols, cols);
    else
      NAME(transpose)(n, cols, plain + i * cols, cols, at, PANEL);
  }
  return RAD_OK;
}

rad_status NAME(shadow)(rad_ctx *c, const rad_param *p, size_t lo, size_t hi)
{
  (void)c;
  if (p->shape.rank == 4 && p->shadow)
    NAME(conv_shadow)(p, lo, hi);
  return RAD_OK;
}
