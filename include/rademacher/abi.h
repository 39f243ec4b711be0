/* SPDX-License-Identifier: BSD-3-Clause
 * abi.h - the contract between the core and every plugin.
 *
 * Growth. Members are only ever appended. A struct that a plugin allocates (descriptor, ops, keys,
 * requests) starts with `size` or has its stride stated; the core copies the smaller size over
 * zeros. A struct that the core allocates has no size: RAD_MINOR grows with every appended member,
 * and a plugin that reads a newer member states `.needs`. Arrays of such structs are arrays of
 * pointers.
 *
 * Calling rules, at the end of each callback's comment:
 *   [main]   main thread, before or after the work; may alloc and declare tensors
 *   [serial] one thread, everything else of this arm waits; may use the laboratory and write state
 *   [worker] any worker, concurrently on the same const self; touches only the piece it was given
 *   [any]    a service that every callback may call */
#ifndef RADEMACHER_ABI_H
#define RADEMACHER_ABI_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RAD_ABI     1u   /* raised only when an existing member changes its meaning */
#define RAD_MINOR   1u   /* raised with every appended member */
#define RAD_RELEASE 100u /* version-locked kinds must be built for exactly this release */

typedef enum rad_status {
  RAD_OK = 0,
  RAD_DONE = 1,    /* nothing more to do: a space is exhausted, a chain has ended */
  RAD_EINVAL = -1, /* < 0: failed, and rad_fail() has said why */
  RAD_ENOMEM = -2,
  RAD_EIO = -3,
  RAD_EDIVERGED = -4, /* a result of the trial, not a crash */
  RAD_ECANCEL = -5,   /* the user asked to stop: return it unchanged, at once */
} rad_status;

/* append only; locked: only for the very release it was built for */
typedef enum rad_kind {
  RAD_DATASET = 1,
  RAD_NOISE,
  RAD_LAYER,
  RAD_LOSS,
  RAD_OPTIMIZER,
  RAD_SCHEDULE,
  RAD_REGULARIZER,
  RAD_MEASURE,
  RAD_FIT, /* locked */
  RAD_SEARCH,
  RAD_PRUNER,
  RAD_COMPRESSOR, /* locked */
  RAD_EXECUTOR,   /* locked */
  RAD_LOGGER,     /* locked */
  RAD_BACKEND,    /* locked */
  RAD_EXPORTER,   /* locked; since minor 1 */
} rad_kind;

/* of an array's elements, or of a key's field */
typedef enum rad_type {
  RAD_F32 = 1,
  RAD_F64,
  RAD_BF16,
  RAD_U8,
  RAD_I32,
  RAD_I64,
  RAD_BOOL = 16,
  RAD_INT,
  RAD_LONG,
  RAD_FLOAT,
  RAD_ENUM,
  RAD_TEXT,
  RAD_LIST,
  RAD_DOUBLE,
} rad_type;

/* of a tensor; a sample has at most 5: the batch axis is never in a shape */
enum { RAD_MAX_RANK = 6 };
typedef struct rad_shape {
  size_t rank, dim[RAD_MAX_RANK]; /* row-major, contiguous; images are (H,W,C) */
} rad_shape;
static inline size_t rad_count(const rad_shape *s) /* elements; the core has checked for overflow */
{
  size_t n = 1;
  for (size_t i = 0; i < s->rank; i++)
    n *= s->dim[i];
  return n;
}

/* --- keys: one table parses, checks, documents and searches --- */
typedef struct rad_list {
  size_t n;
  const double *v; /* (n) numbers separated by commas */
} rad_list;
enum {
  RAD_LOG = 1,   /* searched on a log scale */
  RAD_FIXED = 2, /* may not be searched */
  RAD_FILE = 4   /* text that names a file: "data:NAME/FILE" in the data homes (as it is, or with
                  * .gz), else relative to the INI file; recorded in the manifest */
};
typedef struct rad_key {
  const char *name, *help, *def; /* def is INI text, parsed like user text; NULL = required */
  const char *const *choices;    /* RAD_ENUM labels, NULL-terminated */
  double lo, hi;                 /* inclusive; NaN never passes; for RAD_LIST: of each number */
  uint32_t offset, type, flags, reserved;
} rad_key;
/* clang-format off */
#define RAD_KEY(T, f, def_, lo_, hi_, flags_, help_)                                               \
  {.name = #f, .help = help_, .def = def_, .lo = lo_, .hi = hi_, .flags = flags_,                  \
   .offset = (uint32_t)offsetof(T, f),                                                             \
   .type = _Generic(((T *)0)->f, bool: RAD_BOOL, int32_t: RAD_INT, int64_t: RAD_LONG,              \
                    float: RAD_FLOAT, double: RAD_DOUBLE, const char *: RAD_TEXT, rad_list: RAD_LIST)}
#define RAD_CHOICE(T, f, def_, choices_, help_)                                                    \
  {.name = #f, .help = help_, .def = def_, .choices = choices_,                                    \
   .offset = (uint32_t)offsetof(T, f), .type = _Generic(((T *)0)->f, int32_t: RAD_ENUM)}
/* clang-format on */

/* --- tensors: the one way to have values that live longer than a call and survive a kill --- */
enum rad_role {
  RAD_WEIGHT = 1, /* drawn by the common key `init`; axis 0 = outputs, fan-in = the other axes */
  RAD_BIAS,       /* trained, starts at `fill` */
  RAD_SCALE,      /* trained, multiplies (batch norm's gamma): constraints treat it as a weight */
  RAD_BUFFER      /* not trained: running statistics, best value so far, one number per sample */
};
/* rad_tensor.flags */
enum {
  RAD_OPAQUE = 1, /* the layer only hands it to c->math: the backend may choose its layout */
  RAD_SPARSE = 2, /* the layer can work with rad_param.pattern */
  RAD_MAPPED = 4  /* products read what rad_layer_ops.map makes of the values; since minor 1 */
};
typedef struct rad_tensor { /* a declaration */
  uint32_t size;
  const char *name;
  uint32_t role, type; /* type: a layer's are RAD_F32, trained roles RAD_F32 or RAD_F64 */
  rad_shape shape;
  double fill;      /* first value, except RAD_WEIGHT */
  const char *axes; /* NULL, or the axes' letters ("ohwi"): files hold them in the order "oihw" */
  uint32_t flags;
} rad_tensor;

/* A named array as files hold it: row-major, the axes of a layer's tensor in the order "oihw". The
 * core allocates it. Since minor 1. */
typedef struct rad_array {
  const char *name; /* "hidden.W", "train.margin" */
  uint32_t type;
  rad_shape shape;
  const void *data;
} rad_array;

/* --- randomness: a draw has an address; nothing has a position in a stream --- */
typedef struct rad_at {
  uint64_t when, index; /* epoch or step (0: once); sample, element or trial */
  uint32_t stream;      /* the plugin's own numbering of its uses */
} rad_at; /* the seed and the section's name (for inserted layers also the site's) are in the ctx */

/* --- host: services; append only --- */
#if defined __GNUC__
#define RAD_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define RAD_PRINTF(f, a)
#endif
typedef struct rad_ctx rad_ctx;
typedef struct rad_host {
  uint32_t abi, minor;
  /* Records the message with file, line and section; returns the status. [any] */
  rad_status (*fail)(rad_ctx *, rad_status, const char *fmt, ...) RAD_PRINTF(3, 4);
  /* level: 0 debug, 1 information, 2 warning [any] */
  void (*log)(rad_ctx *, int level, const char *fmt, ...) RAD_PRINTF(3, 4);
  void *(*alloc)(rad_ctx *, size_t n, size_t size); /* zeroed, aligned to 64, core frees [main] */
  /* Aligned to 64, undefined, gone when the callback returns. [any] */
  void *(*scratch)(rad_ctx *, size_t bytes);
  /* Declares the next tensor. A layer finds it as rad_pass.w[i], every other kind as c->state[i], i
   * in order of declaration. The core allocates, fills, checkpoints and restores it. [main: plan]
   */
  rad_status (*tensor)(rad_ctx *, const rad_tensor *);
  /* Numbers first .. first+n-1 of the sequence at an address. Philox4x32-10. [any] */
  void (*bits)(rad_ctx *, const rad_at *, uint64_t first, size_t n, uint32_t *out);
  void (*uniform)(rad_ctx *, const rad_at *, uint64_t first, size_t n, float *out); /* [0,1) */
  void (*normal)(rad_ctx *, const rad_at *, uint64_t first, size_t n, float *out);  /* N(0,1) */
  /* A whole input file, gunzipped, checksum into the manifest; bytes live as long as the instance.
   * `path` is the value of a RAD_FILE key, or one of `list`'s. [main] */
  rad_status (*read)(rad_ctx *, const char *path, const uint8_t **bytes, size_t *n);
  /* Names in a folder (value of a RAD_FILE key), sorted bytewise, without "." and "..", at most a
   * million; folders end in '/'. NULL-terminated, lives as long as the instance. [main] */
  rad_status (*list)(rad_ctx *, const char *path, const char *const **names, size_t *n);
  /* A regular file read in parts, for folders of many files: at most *n bytes from its start into
   * `out`, *n: how many there are, or the file's size with `out` NULL. [worker] */
  rad_status (*load)(rad_ctx *, const char *path, uint8_t *out, size_t *n);
  /* Appends to a file of the run directory (logger), which the core creates and syncs; the name may
   * have folders, "tb/0003/events". Exporters: to the file that is exported, name NULL. [serial] */
  rad_status (*append)(rad_ctx *, const char *name, const void *bytes, size_t n);
  /* Absolute path of a file of the run directory, for libraries that want a name (logger). [serial]
   */
  const char *(*path)(rad_ctx *, const char *name);
  /* The shortest decimal text that reads back as v, whatever the locale; "nan", "inf", "-inf".
   * Returns out. [any] */
  const char *(*number)(char out[32], double v);
  /* The same bits on every machine, within 2 ulp of the true value. [any] */
  double (*exp)(double);
  double (*ln)(double);
  double (*tanh)(double);
  const void *(*extension)(rad_ctx *, const char *id); /* "name/1" or NULL: room to grow [any] */
} rad_host;
struct rad_ctx { /* one per instance x worker; the core allocates */
  const rad_host *host;
  const struct rad_math *math; /* arithmetic, backend.h; NULL where no model is near */
  const struct rad_lab *lab;   /* laboratory, lab.h: in [serial]; `source` also in plan; in noise
                                * `source`, in plan, and `stored` are all there is */
  void *const *state;          /* declared tensors; written in [serial], or own rows in [worker] */
  const void *backend;         /* the backend's self: for its own callbacks only */
  void *core;
  uint32_t worker, nworkers;
};
#define rad_fail(c, ...) ((c)->host->fail((c), __VA_ARGS__))
#define RAD_TRY(e)                                                                                 \
  do {                                                                                             \
    const rad_status try_ = (e);                                                                   \
    if (try_ < 0)                                                                                  \
      return try_;                                                                                 \
  } while (0)

/* A request to the core, its size filled in: RAD_NEW(rad_tensor, .name = "W", ...) */
#define RAD_NEW(T, ...) (&(T){.size = sizeof(T), __VA_ARGS__})

/* 0..n-1, n < 2^32: number i of the sequence at an address; bias below 2^-32 */
static inline uint32_t rad_below(rad_ctx *c, const rad_at *at, uint64_t i, uint32_t n)
{
  uint32_t r[2];
  c->host->bits(c, at, 2 * i, 2, r);
  const uint64_t hi = (uint64_t)r[0] * n, lo = (uint64_t)r[1] * n;
  return (uint32_t)((hi + (lo >> 32)) >> 32);
}

/* --- descriptor --- */
typedef struct rad_plugin {
  uint32_t abi, size, key_size, kind, needs, release;
  const char *name, *summary, *version, *reference;
  const rad_key *keys;
  size_t nkeys, self_size;                   /* core allocates self, zeroes it, fills the keys */
  const void *ops;                           /* the kind's struct: rad_layer_ops, rad_hooks, ... */
  rad_status (*init)(rad_ctx *, void *self); /* optional: checks across keys, tables [main] */
  void (*fini)(rad_ctx *, void *self);       /* optional: sockets, libraries; never memory [main] */
  /* Names that it gives lab->metric, NULL-terminated, so that a misspelt metric is an error before
   * anything runs; '*' stands for any text. NULL: not said. Since minor 1. */
  const char *const *metrics;
} rad_plugin;
#define RAD_PLUGIN(kind_, name_, T, ops_)                                                          \
  .abi = RAD_ABI, .size = sizeof(rad_plugin), .key_size = sizeof(rad_key), .kind = kind_,          \
  .release = RAD_RELEASE, .name = name_, .self_size = sizeof(T), .ops = ops_
#define RAD_KEYS(table_) .keys = table_, .nkeys = sizeof(table_) / sizeof((table_)[0])
#define RAD_METRICS(...)                                                                           \
  .metrics = (const char *const[])                                                                 \
  {                                                                                                \
    __VA_ARGS__, NULL                                                                              \
  }
#define RAD_EXPORT(...)                                                                            \
  __attribute__((visibility("default"))) const rad_plugin *const *rademacher_plugins(uint32_t);    \
  const rad_plugin *const *rademacher_plugins(uint32_t host_abi)                                   \
  {                                                                                                \
    static const rad_plugin *const list[] = {__VA_ARGS__, NULL};                                   \
    (void)host_abi;                                                                                \
    return list;                                                                                   \
  }
#endif
