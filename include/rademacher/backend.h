/* SPDX-License-Identifier: BSD-3-Clause
 * backend.h - arithmetic. What a backend plugin exports is what a layer calls as c->math; where a
 * member is NULL, a call is refused and says so. gemm, act, act_back, axpy, identity must be there.
 * Version-locked for backends, stable for callers. All calls [worker], single-threaded, bits
 * independent of the worker. */
#ifndef RADEMACHER_BACKEND_H
#define RADEMACHER_BACKEND_H
#include <rademacher/model.h>

/* rad_math.caps: only then may the core use it */
enum {
  RAD_CAP_BF16 = 1,     /* RAD_BF16 operands, sums in float */
  RAD_CAP_EPILOGUE = 2, /* bias and act of rad_gemm and rad_conv in the same pass */
  RAD_CAP_EXACT = 4,    /* the same bits on every machine */
  RAD_CAP_PACK = 8,     /* RAD_OPAQUE tensors in a layout of its own */
  RAD_CAP_ROWS = 16,    /* the bits of a sample's results do not depend on which others are in the
                         * call: the core may cut a batch where it likes */
  RAD_CAP_F64 = 32      /* gemm of RAD_F64: all three matrices, no bias, no act; since minor 1 */
};
/* C (m,n) = act(op(A) (m,k) op(B) (k,n) + beta C + bias); with beta 0, C is not read. */
typedef struct rad_gemm {
  uint32_t size;
  bool ta, tb; /* op is the transpose: A is stored (k,m), B is stored (n,k) */
  size_t m, n, k, lda, ldb, ldc;
  const void *a, *b;
  void *c;
  float beta;
  const float *bias; /* (n) or NULL */
  uint32_t act;      /* rad_act */
  float act_alpha;
  uint32_t a_type, b_type, c_type; /* 0 = RAD_F32 */
  /* The RAD_OPAQUE tensor among the operands, or NULL: B where tb (forward) or neither ta nor tb
   * (gradient of the input), C where ta (gradient; c is already at its row lo). Where its `layout`
   * is not 0, that operand is in the backend's layout and its ld says nothing. */
  const rad_param *packed;
} rad_gemm;

typedef struct rad_conv { /* X (n,h,w,c) NHWC, W (o,kh,kw,c/groups), Y (n,oh,ow,o) */
  uint32_t size;
  size_t n, h, w, c, o, oh, ow, kh, kw;
  size_t sh, sw, ph, pw, dh, dw, groups; /* strides, padding, dilation */
  const void *x, *weight, *dy;           /* forward: x, weight; input: weight, dy; weight: x, dy */
  void *y, *dx;
  float *grad; /* grad = keep * grad + */
  float keep;
  const float *bias; /* (o) or NULL */
  uint32_t act;
  float act_alpha;
  uint32_t type; /* of x, y, dx, dy; 0 = RAD_F32 */
  size_t lo, hi; /* weight: only these outputs */
  const rad_param
      *packed; /* the tensor of `weight`; with its `layout`, weight and grad are in it */
  const rad_pattern *pattern; /* sparse_conv...: of W (o,kh kw c/groups); weight and grad are (nnz),
                               * everything is RAD_F32. Else not read */
} rad_conv;

/* Each output is the largest of its window, in every channel; among equals the first, a NaN before
 * all. Padding is never it: ph < kh, pw < kw, and every window begins on X or above. */
typedef struct rad_pool { /* X (n,h,w,c) NHWC, Y (n,oh,ow,c) */
  uint32_t size;
  size_t n, h, w, c, oh, ow;
  size_t kh, kw, sh, sw, ph, pw; /* kernel, strides, padding; kh kw <= 256 */
  const float *x, *dy;           /* max_pool: x; max_pool_back: dy */
  float *y, *dx;
  uint8_t *at; /* (n,oh,ow,c): its place in the window, row by row; max_pool_back reads it */
} rad_pool;

typedef struct rad_sparse { /* W (U,D) by pattern; X (n,D), Y (n,U) */
  uint32_t size;
  const rad_pattern *pattern;
  const float *value; /* (nnz) */
  size_t n;
  const float *x, *bias, *dy;
  float *y, *dx, *grad; /* grad (nnz) = keep * grad + */
  float keep;
  uint32_t act;
  float act_alpha;
  size_t lo, hi; /* gradient: only these rows */
} rad_sparse;

typedef struct rad_layout { /* of one RAD_OPAQUE tensor */
  size_t n;                 /* floats stored; padding is 0 and stays so under f(0) = 0 */
  size_t rows;              /* rows of axis 0 that are stored together: row r, a multiple of it,
                             * starts at float r * (elements of a row), and the rest fills n */
  size_t shadow;            /* bytes of what the backend derives from the values: another order,
                             * another type; 0: nothing */
} rad_layout;

typedef struct rad_math {
  uint32_t size, caps;
  rad_status (*gemm)(rad_ctx *, const rad_gemm *);
  rad_status (*conv)(rad_ctx *, const rad_conv *);            /* y = */
  rad_status (*conv_input)(rad_ctx *, const rad_conv *);      /* dx = */
  rad_status (*conv_weight)(rad_ctx *, const rad_conv *);     /* grad = keep * grad + */
  rad_status (*sparse)(rad_ctx *, const rad_sparse *);        /* Y = X W' */
  rad_status (*sparse_input)(rad_ctx *, const rad_sparse *);  /* dX = dY W */
  rad_status (*sparse_weight)(rad_ctx *, const rad_sparse *); /* dW at the nonzeros */
  /* y (n) = act(x (n)), may be in place; one place for exp and tanh, so that bits agree. */
  rad_status (*act)(rad_ctx *, uint32_t act, float alpha, size_t n, const float *x, float *y);
  /* RAD_CAP_PACK. layout: how a tensor would be stored; false: as declared. pack: values, gradients
   * or slots of a tensor from the declared order into its layout, or back. shadow: makes the parts
   * of p->shadow that depend on rows lo .. hi-1 of p->value; lo is a multiple of p->rows. */
  bool (*layout)(rad_ctx *, const rad_param *, rad_layout *);
  rad_status (*pack)(rad_ctx *, const rad_param *, bool back, float *plain, float *packed);
  /* What the bits depend on beside the machine's libm: "OpenBLAS 0.3.21 Haswell 1 thread". Part of
   * the numeric fingerprint. [any] */
  const char *(*identity)(rad_ctx *);
  rad_status (*shadow)(rad_ctx *, const rad_param *p, size_t lo, size_t hi);
  /* dx (n) = dy (n) times the slope of act where its result is y (n); dx may be dy. */
  rad_status (*act_back)(rad_ctx *, uint32_t act, float alpha, size_t n, const float *y,
                         const float *dy, float *dx);
  rad_status (*max_pool)(rad_ctx *, const rad_pool *);      /* y =, at = */
  rad_status (*max_pool_back)(rad_ctx *, const rad_pool *); /* dx = */
  /* y (n) += a x (n). */
  rad_status (*axpy)(rad_ctx *, size_t n, float a, const float *x, float *y);
  rad_status (*sparse_conv)(rad_ctx *, const rad_conv *);        /* y = */
  rad_status (*sparse_conv_input)(rad_ctx *, const rad_conv *);  /* dx = */
  rad_status (*sparse_conv_weight)(rad_ctx *, const rad_conv *); /* grad at the nonzeros */
  /* Below which share of nonzeros this RAD_SPARSE tensor is faster by the sparse calls; 0: never,
   * or there are none for it. NULL: never. A rank of 2 is a dense layer's, 4 a convolution's. */
  double (*sparse_below)(rad_ctx *, const rad_param *);
  /* sparse_input and sparse_weight of all rows, to the bit, from one reading of dY. */
  rad_status (*sparse_both)(rad_ctx *, const rad_sparse *);
} rad_math;
#endif
