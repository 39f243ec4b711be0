/* SPDX-License-Identifier: BSD-3-Clause
 * npz.c - arrays for NumPy: weights/NAME (out,in,h,w) and vectors/NAME, one number per sample; a
 * vector called `confusion` of K K numbers is (K,K), its rows the given classes. A .npz is a ZIP
 * archive of .npy files, stored as they are; a .npy is
 *   "\x93NUMPY" 1 0, u16 length, a Python dictionary padded so that data start at multiples of 64.
 * numpy.org/doc/stable/reference/generated/numpy.lib.format.html, APPNOTE.TXT of PKWARE 4.3 */
#include <rademacher/exporter.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

typedef struct npz {
  char unused;
} npz;

static const struct descr {
  uint32_t type;
  const char *name;
  size_t size;
} descrs[] = {{RAD_F32, "<f4", 4},
              {RAD_F64, "<f8", 8},
              {RAD_I64, "<i8", 8},
              {RAD_I32, "<i4", 4},
              {RAD_U8, "|u1", 1}};
enum { NDESCR = sizeof descrs / sizeof *descrs, NPY = 256, NAME = 320 };
enum { LOCAL = 0x04034b50, CENTRAL = 0x02014b50, END = 0x06054b50 };
enum { VERSION = 20, DAY = 1 << 5 | 1 }; /* 1980-01-01: no clock in a file */

typedef struct member { /* of the archive */
  char name[NAME];
  uint32_t crc, size, at;
} member;
typedef struct archive {
  rad_ctx *c;
  member *v;
  size_t n;
  uint64_t at; /* bytes that are written */
} archive;

static const struct descr *descr_of(const rad_array *a)
{
  for (size_t i = 0; i < NDESCR; i++)
    if (descrs[i].type == a->type)
      return &descrs[i];
  return NULL;
}

static size_t put_little(uint8_t *out, uint64_t v, size_t n)
{
  for (size_t i = 0; i < n; i++)
    out[i] = (uint8_t)(v >> (8 * i));
  return n;
}

static rad_status put(archive *z, const void *bytes, size_t n)
{
  z->at += n;
  return z->c->host->append(z->c, NULL, bytes, n);
}

/* The head of a .npy. */
static size_t npy_head(uint8_t out[NPY], const char *descr, const rad_shape *s)
{
  char *text = (char *)out + 10;
  size_t n =
      (size_t)snprintf(text, NPY - 10, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
  for (size_t i = 0; i < s->rank; i++)
    n += (size_t)snprintf(text + n, NPY - 10 - n, i > 0 ? " %zu," : "%zu,", s->dim[i]);
  n += (size_t)snprintf(text + n, NPY - 10 - n, "), }");
  while ((n + 11) % 64 != 0)
    text[n++] = ' ';
  text[n++] = '\n';
  memcpy(out, "\x93NUMPY\1", 8);
  put_little(out + 8, n, 2);
  return n + 10;
}

/* What local and central headers share, from the version on. */
static size_t put_facts(uint8_t *out, const member *m)
{
  size_t n = put_little(out, VERSION, 2);
  n += put_little(out + n, 0, 4); /* flags, stored */
  n += put_little(out + n, 0, 2); /* time */
  n += put_little(out + n, DAY, 2);
  n += put_little(out + n, m->crc, 4);
  n += put_little(out + n, m->size, 4);
  n += put_little(out + n, m->size, 4);
  n += put_little(out + n, strlen(m->name), 2);
  return n + put_little(out + n, 0, 2);
}

static rad_status put_array(archive *z, const char *folder, const rad_array *a,
                            const rad_shape *shape)
{
  uint8_t head[NPY], local[30];
  const struct descr *d = descr_of(a);
  member *m = &z->v[z->n];
  if (!d)
    return rad_fail(z->c, RAD_EINVAL, "%s is of a type that NumPy lacks", a->name);
  const size_t n = npy_head(head, d->name, shape), bytes = rad_count(&a->shape) * d->size;
  if (bytes >= UINT32_MAX - NPY || z->at + bytes >= UINT32_MAX - 2 * NAME)
    return rad_fail(z->c, RAD_EINVAL, "%s ends beyond 4 GiB: take safetensors", a->name);
  snprintf(m->name, sizeof m->name, "%s/%s.npy", folder, a->name);
  m->crc = (uint32_t)crc32_z(crc32_z(0, head, n), a->data, bytes);
  m->size = (uint32_t)(n + bytes);
  m->at = (uint32_t)z->at;
  put_little(local, LOCAL, 4);
  put_facts(local + 4, m);
  RAD_TRY(put(z, local, sizeof local));
  RAD_TRY(put(z, m->name, strlen(m->name)));
  RAD_TRY(put(z, head, n));
  z->n++;
  return put(z, a->data, bytes);
}

static rad_status put_directory(archive *z)
{
  const uint64_t start = z->at;
  uint8_t head[46], end[22];
  for (size_t i = 0; i < z->n; i++) {
    size_t n = put_little(head, CENTRAL, 4);
    n += put_little(head + n, VERSION, 2);
    n += put_facts(head + n, &z->v[i]);
    n += put_little(head + n, 0, 6); /* comment, disk, internal attributes */
    n += put_little(head + n, 0, 4);
    n += put_little(head + n, z->v[i].at, 4);
    RAD_TRY(put(z, head, n));
    RAD_TRY(put(z, z->v[i].name, strlen(z->v[i].name)));
  }
  size_t n = put_little(end, END, 4);
  n += put_little(end + n, 0, 4);
  n += put_little(end + n, z->n, 2);
  n += put_little(end + n, z->n, 2);
  n += put_little(end + n, z->at - start, 4);
  n += put_little(end + n, start, 4);
  n += put_little(end + n, 0, 2);
  return put(z, end, n);
}

static rad_shape vector_shape(const rad_array *a)
{
  const char *dot = strrchr(a->name, '.');
  size_t K = 1;
  while (K * K < a->shape.dim[0])
    K++;
  if (a->shape.rank == 1 && K * K == a->shape.dim[0] && dot && strcmp(dot, ".confusion") == 0)
    return (rad_shape){2, {K, K}};
  return a->shape;
}

static rad_status write_archive(rad_ctx *c, const void *self, const rad_export *x)
{
  archive z = {.c = c, .v = c->host->scratch(c, (x->nweight + x->nvector + 1) * sizeof *z.v)};
  (void)self;
  if (!z.v)
    return RAD_ENOMEM;
  if (x->nweight + x->nvector >= UINT16_MAX)
    return rad_fail(c, RAD_EINVAL, "%zu arrays are too many for this format",
                    x->nweight + x->nvector);
  for (size_t i = 0; i < x->nweight; i++)
    RAD_TRY(put_array(&z, "weights", x->weight[i], &x->weight[i]->shape));
  for (size_t i = 0; i < x->nvector; i++) {
    const rad_shape shape = vector_shape(x->vector[i]);
    RAD_TRY(put_array(&z, "vectors", x->vector[i], &shape));
  }
  return put_directory(&z);
}

static const rad_exporter_ops ops = {
    .size = sizeof ops, .wants = RAD_WANTS_WEIGHTS | RAD_WANTS_VECTORS, .write = write_archive};
static const rad_plugin npz_plugin = {
    RAD_PLUGIN(RAD_EXPORTER, "npz", npz, &ops), .needs = 1, .version = "1",
    .summary = "weights, vectors and confusion matrices for NumPy",
    .reference = "numpy.lib.format; PKWARE APPNOTE.TXT"};
RAD_EXPORT(&npz_plugin)
