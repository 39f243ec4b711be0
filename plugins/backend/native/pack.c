/* SPDX-License-Identifier: BSD-3-Clause
 * pack.c - the layout of weights (R,K), K all axes but the first: panels (ceil(R/PANEL),K,PANEL),
 * zeros behind row R-1; and transposition, on which it is built. */
#include "vec.h"

/* the first `cols` columns of `rows` rows, both <= VL */
INLINE void square(size_t rows, size_t cols, const float *in, size_t ldi, float *out, size_t ldo)
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
        square(VL, VL, from, ldi, to, ldo);
      else
        square(m, n, from, ldi, to, ldo);
    }
}
