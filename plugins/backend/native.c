/* SPDX-License-Identifier: BSD-3-Clause
 * native.c - arithmetic of its own: register tiles in C with vector extensions (native/tile.h),
 * compiled once per instruction set; the machine's best one is taken at the start. Weights are
 * stored in panels (native/pack.c). Dense products can have operands of bf16 (native/bf16.c). */
#include <rademacher/backend.h>

typedef struct native {
  int32_t isa, precision;
  rad_math math; /* of the set in use */
} native;

enum { AUTO, AVX512, AVX2, BASELINE };
static const char *const isas[] = {"auto", "avx512", "avx2", "baseline", NULL};
enum { FP32, BF16 };
static const char *const precisions[] = {"fp32", "bf16", NULL};
static const rad_key keys[] = {
    {.name = "isa",
     .help = "instruction set; auto takes the best one of the machine",
     .def = "auto",
     .choices = isas,
     .flags = RAD_FIXED,
     .offset = (uint32_t)offsetof(native, isa),
     .type = RAD_ENUM},
    {.name = "precision",
     .help =
         "of the operands of dense layers' products; their sums, and all else (weights, momenta, "
         "convolutions, sparse and other products), are fp32. bf16: on machines with avx512_bf16",
     .def = "fp32",
     .choices = precisions,
     .flags = RAD_FIXED,
     .offset = (uint32_t)offsetof(native, precision),
     .type = RAD_ENUM},
};

/* --- the sets that were built, best first --- */
extern const rad_math native_baseline_math;
#ifdef HAVE_AVX512
extern const rad_math native_avx512_math;
static bool has_avx512(void)
{
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif
#ifdef HAVE_AVX2
extern const rad_math native_avx2_math;
static bool has_avx2(void)
{
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif
static bool always(void)
{
  return true;
}
static const struct {
  int32_t isa;
  bool (*there)(void);
  const rad_math *math;
} sets[] = {
#ifdef HAVE_AVX512
    {AVX512, has_avx512, &native_avx512_math},
#endif
#ifdef HAVE_AVX2
    {AVX2, has_avx2, &native_avx2_math},
#endif
    {BASELINE, always, &native_baseline_math}};

/* --- dense products of bf16, on top of avx512 --- */
#ifdef HAVE_AVX512BF16
extern const rad_math native_bf16_math;
static rad_status take_bf16(rad_ctx *c, native *n)
{
  if (n->isa > AVX512)
    return rad_fail(c, RAD_EINVAL, "precision = bf16 and isa = %s: bf16 wants isa = auto or avx512",
                    isas[n->isa]);
  if (!has_avx512() || !__builtin_cpu_supports("avx512bf16"))
    return rad_fail(c, RAD_EINVAL, "this machine has no avx512_bf16: use precision = fp32");
  n->math.gemm = native_bf16_math.gemm;
  n->math.layout = native_bf16_math.layout;
  n->math.shadow = native_bf16_math.shadow;
  n->math.identity = native_bf16_math.identity;
  return RAD_OK;
}
#else
static rad_status take_bf16(rad_ctx *c, native *n)
{
  (void)n;
  return rad_fail(c, RAD_EINVAL,
                  "was built by a compiler or for a machine without avx512_bf16: use precision = "
                  "fp32");
}
#endif

static rad_status init(rad_ctx *c, void *self)
{
  native *n = self;
  bool built = false, there = false;
  for (size_t i = 0; i < sizeof sets / sizeof *sets && !there; i++)
    if (n->isa == AUTO || n->isa == sets[i].isa) {
      built = true;
      there = sets[i].there();
      n->math = *sets[i].math;
    }
  if (!there)
    return rad_fail(c, RAD_EINVAL,
                    built ? "this machine has no %s: use isa = auto"
                          : "was built without %s for this kind of machine: use isa = auto",
                    isas[n->isa]);
  return n->precision == BF16 ? take_bf16(c, n) : RAD_OK;
}

static const rad_math *of(rad_ctx *c)
{
  return &((const native *)c->backend)->math;
}
static rad_status gemm(rad_ctx *c, const rad_gemm *g)
{
  return of(c)->gemm(c, g);
}
static rad_status conv(rad_ctx *c, const rad_conv *g)
{
  return of(c)->conv(c, g);
}
static rad_status conv_input(rad_ctx *c, const rad_conv *g)
{
  return of(c)->conv_input(c, g);
}
static rad_status conv_weight(rad_ctx *c, const rad_conv *g)
{
  return of(c)->conv_weight(c, g);
}
static rad_status sparse(rad_ctx *c, const rad_sparse *s)
{
  return of(c)->sparse(c, s);
}
static rad_status sparse_input(rad_ctx *c, const rad_sparse *s)
{
  return of(c)->sparse_input(c, s);
}
static rad_status sparse_weight(rad_ctx *c, const rad_sparse *s)
{
  return of(c)->sparse_weight(c, s);
}
static rad_status sparse_both(rad_ctx *c, const rad_sparse *s)
{
  return of(c)->sparse_both(c, s);
}
static rad_status act(rad_ctx *c, uint32_t a, float alpha, size_t n, const float *x, float *y)
{
  return of(c)->act(c, a, alpha, n, x, y);
}
static rad_status act_back(rad_ctx *c, uint32_t a, float alpha, size_t n, const float *y,
                           const float *dy, float *dx)
{
  return of(c)->act_back(c, a, alpha, n, y, dy, dx);
}
static rad_status axpy(rad_ctx *c, size_t n, float a, const float *x, float *y)
{
  return of(c)->axpy(c, n, a, x, y);
}
static rad_status max_pool(rad_ctx *c, const rad_pool *g)
{
  return of(c)->max_pool(c, g);
}
static rad_status max_pool_back(rad_ctx *c, const rad_pool *g)
{
  return of(c)->max_pool_back(c, g);
}
static rad_status sparse_conv(rad_ctx *c, const rad_conv *g)
{
  return of(c)->sparse_conv(c, g);
}
static rad_status sparse_conv_input(rad_ctx *c, const rad_conv *g)
{
  return of(c)->sparse_conv_input(c, g);
}
static rad_status sparse_conv_weight(rad_ctx *c, const rad_conv *g)
{
  return of(c)->sparse_conv_weight(c, g);
}
static double sparse_below(rad_ctx *c, const rad_param *p)
{
  return of(c)->sparse_below(c, p);
}
static bool layout(rad_ctx *c, const rad_param *p, rad_layout *l)
{
  return of(c)->layout(c, p, l);
}
static rad_status pack(rad_ctx *c, const rad_param *p, bool back, float *plain, float *packed)
{
  return of(c)->pack(c, p, back, plain, packed);
}
static rad_status shadow(rad_ctx *c, const rad_param *p, size_t lo, size_t hi)
{
  return of(c)->shadow(c, p, lo, hi);
}
static const char *identity(rad_ctx *c)
{
  return of(c)->identity(c);
}

static const rad_math ops = {.size = sizeof ops,
                             .caps = RAD_CAP_EPILOGUE | RAD_CAP_PACK | RAD_CAP_ROWS | RAD_CAP_F64,
                             .gemm = gemm,
                             .conv = conv,
                             .conv_input = conv_input,
                             .conv_weight = conv_weight,
                             .sparse = sparse,
                             .sparse_input = sparse_input,
                             .sparse_weight = sparse_weight,
                             .sparse_both = sparse_both,
                             .act = act,
                             .layout = layout,
                             .pack = pack,
                             .identity = identity,
                             .shadow = shadow,
                             .act_back = act_back,
                             .axpy = axpy,
                             .max_pool = max_pool,
                             .max_pool_back = max_pool_back,
                             .sparse_conv = sparse_conv,
                             .sparse_conv_input = sparse_conv_input,
                             .sparse_conv_weight = sparse_conv_weight,
                             .sparse_below = sparse_below};
static const rad_plugin native_plugin = {RAD_PLUGIN(RAD_BACKEND, "native", native, &ops),
                                         RAD_KEYS(keys), .init = init,
                                         .summary = "own kernels, compiled per instruction set"};
RAD_EXPORT(&native_plugin)
