/* SPDX-License-Identifier: BSD-3-Clause
 * idx.c - images and labels of the MNIST family: 0 0, type, rank, big-endian sizes (32 bits each),
 * big-endian numbers. x (n,D), (n,H,W,1) or (n,H,W,C): bytes as they are, all else as float; y (n)
 * int32. http://yann.lecun.com/exdb/mnist */
#include <rademacher/dataset.h>
#include <string.h>

typedef struct array { /* of one file */
  const uint8_t *v;    /* past the header */
  uint8_t type;
  size_t rank, dim[4], size; /* size: bytes of a number */
} array;
typedef struct idx {
  const char *train_images, *train_labels, *test_images, *test_labels;
  int32_t classes;
  array x[2], y[2]; /* train, test */
  size_t T;
} idx;

static const rad_key keys[] = {
    RAD_KEY(idx, train_images, NULL, 0, 0, RAD_FILE, "file of rank 2, 3 or 4"),
    RAD_KEY(idx, train_labels, NULL, 0, 0, RAD_FILE, "file of rank 1, integers"),
    RAD_KEY(idx, test_images, "", 0, 0, RAD_FILE, "as train_images; none: no test split"),
    RAD_KEY(idx, test_labels, "", 0, 0, RAD_FILE, "as train_labels"),
    RAD_KEY(idx, classes, "0", 0, 1e5, RAD_FIXED, "number of classes; 0: largest label + 1"),
};

enum { U8 = 0x08, I8 = 0x09, I16 = 0x0B, I32 = 0x0C, F32 = 0x0D, F64 = 0x0E };
static size_t type_size(uint8_t type)
{
  switch (type) {
  case U8:
  case I8:
    return 1;
  case I16:
    return 2;
  case I32:
  case F32:
    return 4;
  case F64:
    return 8;
  default:
    return 0;
  }
}

static uint64_t big_endian(const uint8_t *p, size_t n)
{
  uint64_t v = 0;
  for (size_t i = 0; i < n; i++)
    v = v << 8 | p[i];
  return v;
}

static double number(const array *a, size_t i)
{
  const uint64_t u = big_endian(a->v + i * a->size, a->size);
  const uint32_t u32 = (uint32_t)u;
  float f;
  double d;
  switch (a->type) {
  case I8:
    return u < 0x80 ? (double)u : (double)u - 0x100;
  case I16:
    return u < 0x8000 ? (double)u : (double)u - 0x10000;
  case I32:
    return u < 0x80000000 ? (double)u : (double)u - 4294967296.0;
  case F32:
    memcpy(&f, &u32, sizeof f);
    return (double)f;
  case F64:
    memcpy(&d, &u, sizeof d);
    return d;
  default:
    return (double)u;
  }
}

static rad_status header(rad_ctx *c, const char *path, size_t lo, size_t hi, array *a)
{
  const uint8_t *b;
  size_t n, need;
  RAD_TRY(c->host->read(c, path, &b, &n));
  if (n < 4 || b[0] || b[1] || !type_size(b[2]))
    return rad_fail(c, RAD_EINVAL,
                    "%s: not an IDX file, which starts with 0 0 and one of the types "
                    "08, 09, 0B, 0C, 0D, 0E",
                    path);
  *a = (array){.type = b[2], .rank = b[3], .size = type_size(b[2])};
  if (a->rank < lo || a->rank > hi)
    return rad_fail(c, RAD_EINVAL, "%s: has rank %zu, needed is %zu to %zu", path, a->rank, lo, hi);
  if (n < 4 + 4 * a->rank)
    return rad_fail(c, RAD_EINVAL, "%s: ends within its header", path);
  need = a->size;
  for (size_t i = 0; i < a->rank; i++) {
    a->dim[i] = (size_t)big_endian(b + 4 + 4 * i, 4);
    if (a->dim[i] == 0 || need > SIZE_MAX / a->dim[i])
      return rad_fail(c, RAD_EINVAL, "%s: impossible size %zu on axis %zu", path, a->dim[i], i);
    need *= a->dim[i];
  }
  a->v = b + 4 + 4 * a->rank;
  n -= 4 + 4 * a->rank;
  if (n != need)
    return rad_fail(c, RAD_EINVAL, "%s: %s: %zu bytes of numbers, its header says %zu", path,
                    n < need ? "truncated" : "too long", n, need);
  return RAD_OK;
}

static rad_status labels(rad_ctx *c, const char *path, idx *d, size_t s, size_t n)
{
  array *y = &d->y[s];
  RAD_TRY(header(c, path, 1, 1, y));
  if (y->type == F32 || y->type == F64)
    return rad_fail(c, RAD_EINVAL, "%s: labels must be integers, these are of type %02X", path,
                    y->type);
  if (y->dim[0] != n)
    return rad_fail(c, RAD_EINVAL, "%s: %zu labels for %zu images", path, y->dim[0], n);
  for (size_t i = 0; i < n; i++) {
    const double v = number(y, i), K = d->classes ? d->classes : 1e5;
    if (v < 0 || v >= K)
      return rad_fail(c, RAD_EINVAL, "%s: label %.0f of sample %zu is not one of 0 .. %.0f", path,
                      v, i, K - 1);
    d->T = (size_t)v >= d->T ? (size_t)v + 1 : d->T;
  }
  return RAD_OK;
}

static rad_status open_split(rad_ctx *c, idx *d, size_t s, const char *image, const char *label)
{
  array *x = &d->x[s], *first = &d->x[0];
  RAD_TRY(header(c, image, 2, 4, x));
  RAD_TRY(labels(c, label, d, s, x->dim[0]));
  bool same = x->rank == first->rank && x->type == first->type;
  for (size_t i = 1; same && i < x->rank; i++)
    same = x->dim[i] == first->dim[i];
  return same ? RAD_OK
              : rad_fail(c, RAD_EINVAL, "%s: images of another size or type than for training",
                         image);
}

static rad_status open_idx(rad_ctx *c, void *self, rad_facts *f)
{
  idx *d = self;
  const bool test = *d->test_images || *d->test_labels;
  const array *x = &d->x[0];
  if (test && (!*d->test_images || !*d->test_labels))
    return rad_fail(c, RAD_EINVAL, "test_images and test_labels belong together");
  d->T = (size_t)d->classes;
  RAD_TRY(open_split(c, d, 0, d->train_images, d->train_labels));
  if (test)
    RAD_TRY(open_split(c, d, 1, d->test_images, d->test_labels));
  *f = (rad_facts){.type = x->type == U8 ? RAD_U8 : RAD_F32,
                   .scale = x->type == U8 ? 1.0f / 255.0f : 1.0f,
                   .target = RAD_CLASS,
                   .ntarget = d->T,
                   .n = {[RAD_TRAIN] = x->dim[0], [RAD_TEST] = test ? d->x[1].dim[0] : 0}};
  f->sample.rank = x->rank == 2 ? 1 : 3;
  for (size_t i = 0; i < f->sample.rank; i++)
    f->sample.dim[i] = i + 1 < x->rank ? x->dim[i + 1] : 1;
  return RAD_OK;
}

static rad_status read_idx(rad_ctx *c, const void *self, rad_part *p)
{
  const idx *d = self;
  const size_t s = p->split == RAD_TEST, D = rad_count(&p->facts->sample);
  int32_t *y = p->y;
  (void)c;
  for (size_t i = 0; i < p->n; i++) {
    const size_t at = (size_t)p->id[i] * D;
    if (d->x[s].type == U8)
      memcpy((uint8_t *)p->x + i * D, d->x[s].v + at, D);
    else
      for (size_t k = 0; k < D; k++)
        ((float *)p->x)[i * D + k] = (float)number(&d->x[s], at + k);
    y[i] = (int32_t)number(&d->y[s], (size_t)p->id[i]);
  }
  return RAD_OK;
}

static const rad_dataset_ops ops = {sizeof ops, open_idx, read_idx};
static const rad_plugin idx_plugin = {
    RAD_PLUGIN(RAD_DATASET, "idx", idx, &ops),
    RAD_KEYS(keys),
    .summary = "IDX files of the MNIST family, raw or .gz",
    .version = "1",
    .reference = "http://yann.lecun.com/exdb/mnist",
};
RAD_EXPORT(&idx_plugin)
