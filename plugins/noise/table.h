/* SPDX-License-Identifier: BSD-3-Clause
 * table.h - a table of numbers from a file: text, a row per line, numbers separated by blanks,
 * commas or semicolons, from '#' on a comment; or a NumPy array of one or two axes (.npy, format
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html). */
#ifndef PLUGINS_NOISE_TABLE_H
#define PLUGINS_NOISE_TABLE_H
#include <rademacher/noise.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct table {
  const char *path;
  size_t rows, cols;
  double *v;    /* (rows,cols) */
  size_t *line; /* (rows) where a row is in a text; NULL: not a text */
} table;
typedef struct table_place {
  char s[600];
} table_place;

/* "FILE:LINE" or "FILE, row R", for messages */
static inline table_place table_at(const table *t, size_t row)
{
  table_place p;
  if (t->line)
    snprintf(p.s, sizeof p.s, "%s:%zu", t->path, t->line[row]);
  else
    snprintf(p.s, sizeof p.s, "%s, row %zu", t->path, row);
  return p;
}

static inline rad_status table_alloc(rad_ctx *c, table *t, bool text)
{
  size_t n = t->rows;
  if (t->cols > 0 && n <= SIZE_MAX / sizeof *t->v / t->cols)
    t->v = c->host->alloc(c, n * t->cols, sizeof *t->v);
  t->line = text ? c->host->alloc(c, n, sizeof *t->line) : NULL;
  return t->v && (t->line || !text) ? RAD_OK : rad_fail(c, RAD_ENOMEM, "out of memory");
}

/* --- text --- */

static inline bool table_is_blank(uint8_t b)
{
  return b == ' ' || b == '\t' || b == '\r' || b == ',' || b == ';';
}

static inline rad_status table_number(rad_ctx *c, const table *t, size_t line, const uint8_t *s,
                                      size_t n, double *out)
{
  char copy[64], *end = copy;
  const size_t keep = n < sizeof copy ? n : sizeof copy - 1;
  memcpy(copy, s, keep);
  copy[keep] = '\0';
  for (size_t i = 0; i < keep; i++)
    copy[i] = s[i] > ' ' && s[i] < 127 ? copy[i] : '?';
  *out = strtod(copy, &end);
  if (keep < n || end != copy + n)
    return rad_fail(c, RAD_EINVAL, "%s:%zu: '%.20s' is not a number", t->path, line, copy);
  return RAD_OK;
}

/* The end of a line with n numbers. */
static inline rad_status table_row(rad_ctx *c, table *t, size_t line, size_t n)
{
  if (n == 0)
    return RAD_OK;
  if (t->cols == 0)
    t->cols = n;
  if (n != t->cols)
    return rad_fail(c, RAD_EINVAL, "%s:%zu: has %zu numbers, the lines before it %zu", t->path,
                    line, n, t->cols);
  if (t->line)
    t->line[t->rows] = line;
  t->rows++;
  return RAD_OK;
}

/* Counts rows and columns while there is no room, then fills it. */
static inline rad_status table_scan(rad_ctx *c, table *t, const uint8_t *s, size_t n)
{
  size_t line = 1, col = 0;
  t->rows = 0;
  for (size_t i = 0, end; i <= n; i = end) {
    end = i + 1;
    if (i == n || s[i] == '\n') {
      RAD_TRY(table_row(c, t, line++, col));
      col = 0;
    } else if (s[i] == '#') {
      while (end < n && s[end] != '\n')
        end++;
    } else if (!table_is_blank(s[i])) {
      while (end < n && s[end] != '\n' && s[end] != '#' && !table_is_blank(s[end]))
        end++;
      if (t->v && col < t->cols)
        RAD_TRY(table_number(c, t, line, s + i, end - i, &t->v[t->rows * t->cols + col]));
      col++;
    }
  }
  return RAD_OK;
}

static inline rad_status table_text(rad_ctx *c, table *t, const uint8_t *s, size_t n)
{
  RAD_TRY(table_scan(c, t, s, n));
  if (t->rows == 0)
    return rad_fail(c, RAD_EINVAL, "%s: holds no numbers", t->path);
  RAD_TRY(table_alloc(c, t, true));
  return table_scan(c, t, s, n);
}

/* --- .npy --- */

/* The text of a header's entry, or "". */
static inline const char *table_entry(const char *header, const char *name)
{
  const char *s = strstr(header, name);
  return s ? s + strlen(name) : "";
}

static inline bool table_shape(table *t, const char *s)
{
  char *end;
  t->rows = (size_t)strtoull(s, &end, 10);
  t->cols = 1;
  if (end == s || *end != ',')
    return false;
  if (end[1] == ' ')
    t->cols = (size_t)strtoull(end + 2, &end, 10);
  else
    end++;
  return *end == ')' && t->rows > 0 && t->cols > 0;
}

/* Little-endian number of a kind: i, u or f */
static inline double table_decode(const uint8_t *s, char kind, size_t size)
{
  uint64_t u = 0;
  float f;
  double d;
  for (size_t i = size; i-- > 0;)
    u = u << 8 | s[i];
  if (kind == 'f' && size == 4) {
    const uint32_t half = (uint32_t)u;
    memcpy(&f, &half, sizeof f);
    return (double)f;
  }
  if (kind == 'f') {
    memcpy(&d, &u, sizeof d);
    return d;
  }
  const uint64_t sign = UINT64_C(1) << (8 * size - 1);
  if (kind == 'i' && (u & sign))
    return -(double)(~(u | ~(sign | (sign - 1))) + 1);
  return (double)u;
}

static inline rad_status table_values(rad_ctx *c, table *t, const char *type, const uint8_t *s,
                                      size_t n)
{
  const char kind = type[0] ? type[1] : '\0';
  const size_t size = kind ? (size_t)(type[2] - '0') : 0;
  const bool pair = size == 4 || size == 8, whole = kind == 'i' || kind == 'u';
  const bool number = (kind == 'f' && pair) || (whole && (pair || size == 1 || size == 2));
  if (kind == 'O')
    return rad_fail(c, RAD_EINVAL,
                    "%s: holds pickled Python objects (as CIFAR-10N does), which are not read; "
                    "export one array of them with numpy.save or numpy.savetxt",
                    t->path);
  if (!number || type[0] == '>' || type[3] != '\'')
    return rad_fail(c, RAD_EINVAL, "%s: is not of integers, float32 or float64, little-endian",
                    t->path);
  if (t->rows > n / size / t->cols || t->rows * t->cols * size != n)
    return rad_fail(c, RAD_EINVAL, "%s: has %zu bytes for (%zu,%zu) numbers of %zu", t->path, n,
                    t->rows, t->cols, size);
  RAD_TRY(table_alloc(c, t, false));
  for (size_t i = 0; i < t->rows * t->cols; i++)
    t->v[i] = table_decode(s + i * size, kind, size);
  return RAD_OK;
}

static inline rad_status table_npy(rad_ctx *c, table *t, const uint8_t *s, size_t n)
{
  char header[512] = "";
  const size_t from = n > 12 && s[6] == 1 ? 10 : 12;
  size_t size = n > 12 ? s[8] + 256u * s[9] : 0;
  if (size > 0 && from == 12 && (s[10] || s[11]))
    size = sizeof header;
  if (size == 0 || size >= sizeof header || size > n - from)
    return rad_fail(c, RAD_EINVAL, "%s: the header of the .npy file is damaged", t->path);
  memcpy(header, s + from, size);
  const char *type = table_entry(header, "'descr': '");
  if (type[0] != '|' || type[1] != 'O')
    if (!table_shape(t, table_entry(header, "'shape': (")) ||
        !strstr(header, "'fortran_order': False"))
      return rad_fail(c, RAD_EINVAL, "%s: needs one or two axes and the order of C", t->path);
  return table_values(c, t, type, s + from + size, n - from - size);
}

static inline rad_status table_read(rad_ctx *c, const char *path, table *t)
{
  const uint8_t *s;
  size_t n;
  *t = (table){.path = path};
  RAD_TRY(c->host->read(c, path, &s, &n));
  if (n >= 6 && memcmp(s, "\x93NUMPY", 6) == 0)
    return table_npy(c, t, s, n);
  if (n >= 4 && memcmp(s, "PK\3\4", 4) == 0)
    return rad_fail(c, RAD_EINVAL,
                    "%s: is a zip file (.npz, .pt), which is not read; export one array of it with "
                    "numpy.save or numpy.savetxt",
                    path);
  return table_text(c, t, s, n);
}
#endif
