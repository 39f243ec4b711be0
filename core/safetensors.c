/* SPDX-License-Identifier: BSD-3-Clause
 * safetensors.c - reading and writing named tensors. File: u64 n (little endian), n bytes of JSON,
 * data. The data's CRC-32 is kept in __metadata__ as "crc32". */
#include "safetensors.h"
#include "json.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { HEADER_MAX = 100000000 }; /* as the reference reader */

static const struct dtype {
  const char *name;
  uint32_t type;
  size_t size;
} dtypes[] = {{"F64", RAD_F64, 8}, {"I64", RAD_I64, 8},   {"F32", RAD_F32, 4},
              {"I32", RAD_I32, 4}, {"BF16", RAD_BF16, 2}, {"U8", RAD_U8, 1}};
enum { NDTYPE = sizeof dtypes / sizeof *dtypes };

static const struct dtype *dtype_of(uint32_t type)
{
  for (size_t i = 0; i < NDTYPE; i++)
    if (dtypes[i].type == type)
      return &dtypes[i];
  return NULL;
}

static const struct dtype *dtype_named(const char *name)
{
  for (size_t i = 0; name && i < NDTYPE; i++)
    if (strcmp(dtypes[i].name, name) == 0)
      return &dtypes[i];
  return NULL;
}

/* --- reading --- */
static bool to_size(const json_t *j, size_t *out)
{
  if (!json_is_integer(j) || json_integer_value(j) < 0 ||
      (uintmax_t)json_integer_value(j) > SIZE_MAX)
    return false;
  *out = (size_t)json_integer_value(j);
  return true;
}

/* One entry of the header; "" or what is wrong with it. */
static const char *read_tensor(st_tensor *t, const json_t *j, const uint8_t *data, size_t size)
{
  const struct dtype *d = dtype_named(json_string_value(json_object_get(j, "dtype")));
  const json_t *shape = json_object_get(j, "shape"), *range = json_object_get(j, "data_offsets");
  size_t n = d ? d->size : 0, lo, hi;
  if (!d)
    return "a dtype that is not read here";
  if (!json_is_array(shape) || json_array_size(shape) > RAD_MAX_RANK)
    return "no shape, or too many axes";
  t->shape.rank = json_array_size(shape);
  for (size_t i = 0; i < t->shape.rank; i++)
    if (!to_size(json_array_get(shape, i), &t->shape.dim[i]) || !size_mul(n, t->shape.dim[i], &n))
      return "an impossible shape";
  if (json_array_size(range) != 2 || !to_size(json_array_get(range, 0), &lo) ||
      !to_size(json_array_get(range, 1), &hi) || lo > hi || hi > size)
    return "data_offsets outside the file";
  if (hi - lo != n)
    return "data_offsets that do not fit the shape";
  t->type = d->type;
  t->data = data + lo;
  t->bytes = n;
  return "";
}

static rad_status read_meta(st_file *f, const json_t *meta)
{
  const char *key;
  json_t *value;
  f->nmeta = json_object_size(meta);
  f->key = arena_alloc(&f->mem, (f->nmeta + 1) * sizeof *f->key);
  f->value = arena_alloc(&f->mem, (f->nmeta + 1) * sizeof *f->value);
  size_t i = 0;
  if (!f->key || !f->value)
    return RAD_ENOMEM;
  json_object_foreach((json_t *)(uintptr_t)meta, key, value)
  {
    f->key[i] = arena_strdup(&f->mem, key);
    f->value[i] = arena_strdup(&f->mem, json_is_string(value) ? json_string_value(value) : "");
    if (!f->key[i] || !f->value[i])
      return RAD_ENOMEM;
    i++;
  }
  return RAD_OK;
}

static int by_offset(const void *a, const void *b)
{
  const st_tensor *x = a, *y = b;
  const uintptr_t p = (uintptr_t)x->data, q = (uintptr_t)y->data;
  return p != q ? (p < q ? -1 : 1) : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static rad_status bad(const char *path, const char *tensor, const char *what, diag *g)
{
  return diag_error(g, RAD_EINVAL, (origin){.file = path}, "not a sound safetensors file: %s%s%s",
                    tensor, tensor[0] ? ": " : "", what);
}

static rad_status read_header(st_file *f, const char *path, const json_t *head, size_t start,
                              diag *g)
{
  const char *name;
  json_t *j;
  const uint8_t *data = f->bytes.p + start;
  const size_t size = f->bytes.n - start;
  f->tensor = arena_alloc(&f->mem, (json_object_size(head) + 1) * sizeof *f->tensor);
  if (!f->tensor)
    return RAD_ENOMEM;
  json_object_foreach((json_t *)(uintptr_t)head, name, j)
  {
    if (strcmp(name, "__metadata__") == 0) {
      RAD_TRY(read_meta(f, j));
      continue;
    }
    st_tensor *t = &f->tensor[f->n];
    if (!(t->name = arena_strdup(&f->mem, name)))
      return RAD_ENOMEM;
    const char *wrong = read_tensor(t, j, data, size);
    if (wrong[0])
      return bad(path, name, wrong, g);
    f->n++;
  }
  qsort(f->tensor, f->n, sizeof *f->tensor, by_offset);
  const uint8_t *at = data;
  for (size_t i = 0; i < f->n; at += f->tensor[i++].bytes)
    if ((const uint8_t *)f->tensor[i].data != at)
      return bad(path, f->tensor[i].name, "data with holes, or overlapping", g);
  return at == data + size ? RAD_OK : bad(path, "", "bytes after the last tensor", g);
}

static uint32_t crc(uint32_t sum, const void *p, size_t n)
{
  return (uint32_t)crc32_z(sum, p, n);
}

static rad_status check_sum(const st_file *f, const char *path, size_t start, diag *g)
{
  const char *kept = st_meta(f, "crc32");
  char now[16];
  snprintf(now, sizeof now, "%08" PRIx32, crc(0, f->bytes.p + start, f->bytes.n - start));
  return !kept || strcmp(kept, now) == 0 ? RAD_OK
                                         : bad(path, "", "its checksum is wrong: damaged", g);
}

static rad_status parse(st_file *f, const char *path, diag *g)
{
  uint64_t n = 0;
  rad_status s;
  json_error_t e;
  if (f->bytes.n < 8)
    return bad(path, "", "shorter than its length field", g);
  for (size_t i = 8; i-- > 0;)
    n = n << 8 | f->bytes.p[i];
  if (n > HEADER_MAX || n > f->bytes.n - 8 || n == 0 || f->bytes.p[8] != '{')
    return bad(path, "", "its header length is a lie", g);
  json_t *head = json_loadb((const char *)f->bytes.p + 8, (size_t)n, JSON_REJECT_DUPLICATES, &e);
  if (!json_is_object(head)) {
    json_decref(head);
    return bad(path, "header", e.text, g);
  }
  s = read_header(f, path, head, 8 + (size_t)n, g);
  json_decref(head);
  return s < 0 ? s : check_sum(f, path, 8 + (size_t)n, g);
}

rad_status st_read(st_file *f, const char *path, diag *g)
{
  *f = (st_file){0};
  RAD_TRY(fs_map(path, 0, 0, &f->bytes, g));
  const rad_status s = parse(f, path, g);
  if (s < 0)
    st_free(f);
  return s;
}

void st_free(st_file *f)
{
  fs_unmap(&f->bytes);
  arena_free(&f->mem);
  *f = (st_file){0};
}

const st_tensor *st_find(const st_file *f, const char *name)
{
  for (size_t i = 0; i < f->n; i++)
    if (strcmp(f->tensor[i].name, name) == 0)
      return &f->tensor[i];
  return NULL;
}

const char *st_meta(const st_file *f, const char *key)
{
  for (size_t i = 0; i < f->nmeta; i++)
    if (strcmp(f->key[i], key) == 0)
      return f->value[i];
  return NULL;
}

/* --- writing --- */
static void describe(text *t, const st_tensor *e, size_t at)
{
  json_open(t, e->name, '{');
  json_text(t, "dtype", dtype_of(e->type)->name);
  json_open(t, "shape", '[');
  for (size_t i = 0; i < e->shape.rank; i++)
    json_uint(t, NULL, e->shape.dim[i]);
  json_close(t, ']');
  json_open(t, "data_offsets", '[');
  json_uint(t, NULL, at);
  json_uint(t, NULL, at + e->bytes);
  json_close(t, ']');
  json_close(t, '}');
}

/* JSON, padded with blanks to a multiple of 8. */
static void header(text *t, const st_tensor *const *order, size_t n, const char *const *key,
                   const char *const *value, size_t nmeta, uint32_t sum)
{
  char hex[16];
  size_t at = 0;
  snprintf(hex, sizeof hex, "%08" PRIx32, sum);
  json_open(t, NULL, '{');
  json_open(t, "__metadata__", '{');
  json_text(t, "crc32", hex);
  for (size_t i = 0; i < nmeta; i++)
    json_text(t, key[i], value[i]);
  json_close(t, '}');
  for (size_t i = 0; i < n; at += order[i++]->bytes)
    describe(t, order[i], at);
  json_close(t, '}');
  while (t->n % 8 != 0 && !t->failed)
    text_puts(t, " ");
}

/* The bytes of a tensor; *made is to be freed. */
static rad_status bytes_of(const st_tensor *t, void **made, const void **bytes)
{
  *made = NULL;
  *bytes = t->data;
  if (!t->make)
    return RAD_OK;
  *bytes = *made = malloc(t->bytes > 0 ? t->bytes : 1);
  return *made ? t->make(t->of, *made) : RAD_ENOMEM;
}

static rad_status put(fs_new *f, const st_tensor *t, diag *g)
{
  void *made;
  const void *bytes;
  rad_status s = bytes_of(t, &made, &bytes);
  if (s >= 0)
    s = fs_new_put(f, bytes, t->bytes, g);
  free(made);
  return s;
}

static rad_status add_sum(uint32_t *sum, const st_tensor *t)
{
  void *made;
  const void *bytes;
  const rad_status s = bytes_of(t, &made, &bytes);
  if (s >= 0)
    *sum = crc(*sum, bytes, t->bytes);
  free(made);
  return s;
}

static rad_status write_parts(const char *path, const text *head, const st_tensor *const *order,
                              size_t n, diag *g)
{
  fs_new f;
  uint8_t length[8];
  for (size_t i = 0; i < 8; i++)
    length[i] = (uint8_t)((uint64_t)head->n >> (8 * i));
  RAD_TRY(fs_new_open(&f, path, g));
  rad_status s = fs_new_put(&f, length, sizeof length, g);
  if (s >= 0)
    s = fs_new_put(&f, head->s, head->n, g);
  for (size_t i = 0; s >= 0 && i < n; i++)
    s = put(&f, order[i], g);
  if (s >= 0)
    s = fs_new_commit(&f, g);
  fs_new_abandon(&f);
  return s;
}

rad_status st_write(const char *path, const st_tensor *tensor, size_t n, const char *const *key,
                    const char *const *value, size_t nmeta, diag *g)
{
  const st_tensor **order = calloc(n + 1, sizeof *order);
  text head = {0};
  size_t k = 0;
  uint32_t sum = 0;
  if (!order)
    return RAD_ENOMEM;
  for (size_t d = 0; d < NDTYPE; d++) /* dtypes descend in alignment */
    for (size_t i = 0; i < n; i++)
      if (tensor[i].type == dtypes[d].type)
        order[k++] = &tensor[i];
  rad_status s = RAD_OK;
  for (size_t i = 0; s >= 0 && i < k; i++)
    s = add_sum(&sum, order[i]);
  header(&head, order, k, key, value, nmeta, sum);
  if (s >= 0)
    s = head.failed ? RAD_ENOMEM : write_parts(path, &head, order, k, g);
  text_free(&head);
  free((void *)(uintptr_t)order);
  return s;
}
