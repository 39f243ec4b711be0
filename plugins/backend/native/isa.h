/* SPDX-License-Identifier: BSD-3-Clause
 * isa.h - what differs between instruction sets, and what the files of one set share. Each file of
 * this folder is compiled once per set, with its flags, RAD_ISA = avx512, avx2 or
 * baseline and RAD_VL = floats in a register. VL lanes in a vector, NV vectors in a panel of PANEL
 * columns, at most MR rows in the register tile of a product, MR_CONV in that of a convolution. */
#ifndef NATIVE_ISA_H
#define NATIVE_ISA_H
#include <rademacher/backend.h>

#if !defined __GNUC__ /* no vectors */
enum { VL = 1, NV = 8, MR = 4, MR_CONV = 4 };
#define VECTORS "vectors of 1 float, panels of 8"
#elif RAD_VL == 16
enum { VL = 16, NV = 2, MR = 8, MR_CONV = 14 };
#define VECTORS "vectors of 16 floats, panels of 32"
#elif RAD_VL == 8
enum { VL = 8, NV = 2, MR = 6, MR_CONV = 6 };
#define VECTORS "vectors of 8 floats, panels of 16"
#else
enum { VL = 4, NV = 2, MR = 4, MR_CONV = 4 };
#define VECTORS "vectors of 4 floats, panels of 8"
#endif
enum { PANEL = VL * NV };

#define NATIVE_PASTE(isa, x) native_##isa##_##x
#define NATIVE_NAME(isa, x)  NATIVE_PASTE(isa, x)
#define NAME(x)              NATIVE_NAME(RAD_ISA, x)

/* table.c: what this set can do */
extern const rad_math NAME(math);

/* gemm.c */
rad_status NAME(gemm)(rad_ctx *, const rad_gemm *);
rad_status NAME(gemm_check)(rad_ctx *, const rad_gemm *);
/* gemm64.c: of what gemm_check has passed */
rad_status NAME(gemm64)(rad_ctx *, const rad_gemm *);
/* conv.c, conv_weight.c */
rad_status NAME(conv)(rad_ctx *, const rad_conv *);
rad_status NAME(conv_input)(rad_ctx *, const rad_conv *);
rad_status NAME(conv_weight)(rad_ctx *, const rad_conv *);
size_t NAME(conv_shadow_size)(const rad_param *); /* bytes, of a tensor of rank 4 */
void NAME(conv_shadow)(const rad_param *, size_t lo, size_t hi);
/* pool.c */
rad_status NAME(max_pool)(rad_ctx *, const rad_pool *);
rad_status NAME(max_pool_back)(rad_ctx *, const rad_pool *);
/* sparse.c */
rad_status NAME(sparse)(rad_ctx *, const rad_sparse *);
rad_status NAME(sparse_input)(rad_ctx *, const rad_sparse *);
rad_status NAME(sparse_weight)(rad_ctx *, const rad_sparse *);
rad_status NAME(sparse_both)(rad_ctx *, const rad_sparse *);
double NAME(sparse_below)(rad_ctx *, const rad_param *);
/* sparse_conv.c */
rad_status NAME(sparse_conv)(rad_ctx *, const rad_conv *);
rad_status NAME(sparse_conv_input)(rad_ctx *, const rad_conv *);
rad_status NAME(sparse_conv_weight)(rad_ctx *, const rad_conv *);
/* pack.c */
rad_status NAME(shadow)(rad_ctx *, const rad_param *, size_t lo, size_t hi);
bool NAME(layout)(rad_ctx *, const rad_param *, rad_layout *);
rad_status NAME(pack)(rad_ctx *, const rad_param *, bool back, float *plain, float *packed);
void NAME(transpose)(size_t rows, size_t cols, const float *in, size_t ldi, float *out, size_t ldo);

/* Scratch memory for a * b floats, b > 0; NULL: too many, rad_fail has said so. */
static inline float *floats(rad_ctx *c, size_t a, size_t b)
{
  float *p = NULL;
  if (a <= SIZE_MAX / sizeof *p / b)
    p = c->host->scratch(c, a * b * sizeof *p);
  if (!p)
    rad_fail(c, RAD_ENOMEM, "no memory for %zu x %zu numbers: use a smaller batch", a, b);
  return p;
}

static inline size_t least(size_t a, size_t b)
{
  return a < b ? a : b;
}

static inline size_t panels(size_t n) /* how many cover n columns */
{
  return n / PANEL + (n % PANEL > 0);
}
#endif
