/* SPDX-License-Identifier: BSD-3-Clause
 * keys.c - one table parses, checks and documents. */
#include "keys.h"
#include <float.h>
#include <math.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

static const double two63 = 9223372036854775808.0;

static bool is_number(uint32_t type)
{
  return type == RAD_INT || type == RAD_LONG || type == RAD_FLOAT || type == RAD_DOUBLE ||
         type == RAD_LIST;
}

static bool is_integer(uint32_t type)
{
  return type == RAD_INT || type == RAD_LONG;
}

/* --- what is allowed, in words --- */
static const char *number_text(char out[32], double v)
{
  if (fabs(v) < 1e15 && v == floor(v)) {
    text small = {0};
    text_printf(&small, "%.0f", v);
    memcpy(out, text_str(&small), small.n + 1); /* at most 16 characters */
    text_free(&small);
    return out;
  }
  return text_from_double(out, v);
}

static void put_range(text *t, const rad_key *k)
{
  char lo[32], hi[32];
  number_text(lo, k->lo);
  number_text(hi, k->hi);
  if (k->lo > -DBL_MAX && k->hi < DBL_MAX)
    text_printf(t, k->lo == k->hi ? " equal to %s" : " from %s to %s", lo, hi);
  else if (k->lo > -DBL_MAX)
    text_printf(t, ", at least %s", lo);
  else if (k->hi < DBL_MAX)
    text_printf(t, ", at most %s", hi);
}

/* "an integer from 1 to 1000000", "one of any, wrong" */
static void put_allowed(text *t, const rad_key *k)
{
  switch (k->type) {
  case RAD_BOOL:
    text_puts(t, "true or false");
    return;
  case RAD_ENUM:
    text_puts(t, "one of ");
    for (size_t i = 0; k->choices[i]; i++)
      text_printf(t, "%s%s", i > 0 ? ", " : "", k->choices[i]);
    return;
  case RAD_TEXT:
    text_puts(t, k->flags & RAD_FILE ? "a file" : "text");
    return;
  case RAD_LIST:
    text_puts(t, "numbers separated by commas, each");
    put_range(t, k);
    return;
  default:
    text_puts(t, is_integer(k->type) ? "an integer" : "a number");
    put_range(t, k);
  }
}

static rad_status refuse(const rad_key *k, const char *value, origin at, const char *title, diag *d)
{
  text t = {0};
  put_allowed(&t, k);
  const rad_status s = diag_error(d, RAD_EINVAL, at, "%s %s = %.80s: must be %s", title, k->name,
                                  value, text_str(&t));
  text_free(&t);
  return s;
}

/* --- values --- */
/* lo and hi are doubles: converting v to double could round it into the range. */
static bool integer_in_range(const rad_key *k, int64_t v)
{
  if (k->type == RAD_INT && (v < INT32_MIN || v > INT32_MAX))
    return false;
  const double lo = ceil(k->lo), hi = floor(k->hi);
  if (!(lo < two63 && hi >= -two63))
    return false;
  return (lo < -two63 || v >= (int64_t)lo) && (hi >= two63 || v <= (int64_t)hi);
}

static bool parse_integer(const rad_key *k, const char *value, void *field)
{
  int64_t v;
  if (!text_to_int64(value, &v) || !integer_in_range(k, v))
    return false;
  if (field && k->type == RAD_INT)
    *(int32_t *)field = (int32_t)v;
  else if (field)
    *(int64_t *)field = v;
  return true;
}

static bool parse_real(const rad_key *k, const char *value, void *field)
{
  double v;
  if (!text_to_double(value, &v) || !(v >= k->lo && v <= k->hi))
    return false;
  /* a float must not turn into infinity, nor a rate that is not 0 into 0 */
  if (k->type == RAD_FLOAT && (fabs(v) > (double)FLT_MAX || (v != 0.0 && (float)v == 0.0f)))
    return false;
  if (field && k->type == RAD_FLOAT)
    *(float *)field = (float)v;
  else if (field)
    *(double *)field = v;
  return true;
}

static bool parse_bool(const char *value, void *field)
{
  static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (strcmp(value, words[i]) == 0) {
      if (field)
        *(bool *)field = i % 2 != 0;
      return true;
    }
  return false;
}

static bool parse_enum(const rad_key *k, const char *value, void *field)
{
  for (int32_t i = 0; k->choices[i]; i++)
    if (strcmp(value, k->choices[i]) == 0) {
      if (field)
        *(int32_t *)field = i;
      return true;
    }
  return false;
}

static rad_status parse_list(const rad_key *k, const char *value, void *field, arena *mem)
{
  const char *const *word;
  size_t n, bytes;
  RAD_TRY(config_words(mem, value, &word, &n));
  if (!size_mul(n + 1, sizeof(double), &bytes)) /* + 1: an empty list is not a lack of memory */
    return RAD_ENOMEM;
  double *v = arena_alloc(mem, bytes);
  if (!v)
    return RAD_ENOMEM;
  for (size_t i = 0; i < n; i++)
    if (!text_to_double(word[i], &v[i]) || !(v[i] >= k->lo && v[i] <= k->hi))
      return RAD_EINVAL;
  if (field)
    *(rad_list *)field = (rad_list){.n = n, .v = v};
  return RAD_OK;
}

static rad_status parse_text(const char *value, void *field, arena *mem)
{
  if (!field)
    return RAD_OK;
  const char *copy = arena_strdup(mem, value);
  if (!copy)
    return RAD_ENOMEM;
  *(const char **)field = copy;
  return RAD_OK;
}

static rad_status parse(const rad_key *k, const char *value, void *field, arena *mem)
{
  bool good = false;
  if (is_integer(k->type))
    good = parse_integer(k, value, field);
  else if (k->type == RAD_FLOAT || k->type == RAD_DOUBLE)
    good = parse_real(k, value, field);
  else if (k->type == RAD_BOOL)
    good = parse_bool(value, field);
  else if (k->type == RAD_ENUM)
    good = parse_enum(k, value, field);
  else if (k->type == RAD_LIST)
    return parse_list(k, value, field, mem);
  else if (k->type == RAD_TEXT)
    return parse_text(value, field, mem);
  return good ? RAD_OK : RAD_EINVAL;
}

rad_status keys_parse(const rad_key *k, const char *value, void *field, arena *mem, origin at,
                      const char *title, diag *d)
{
  if (is_searched(value))
    return diag_error(d, RAD_EINVAL, at,
                      "%s %s = %.80s: one value is needed here; a search gives it to each trial",
                      title, k->name, value);
  const rad_status s = parse(k, value, field, mem);
  if (s == RAD_ENOMEM)
    return diag_error(d, s, at, "%s %s: out of memory", title, k->name);
  return s < 0 ? refuse(k, value, at, title, d) : RAD_OK;
}

rad_status keys_fill(const rad_key *key, size_t n, const section *s, void *self, arena *mem,
                     diag *d)
{
  char room[160];
  const char *title = s ? section_title(s, room) : "defaults:";
  rad_status worst = RAD_OK;
  for (size_t i = 0; i < n; i++) {
    const rad_key *k = &key[i];
    const setting *set = s ? section_get(s, k->name) : NULL;
    const char *value = set ? set->value : k->def;
    rad_status r;
    if (value) {
      r = keys_parse(k, value, (char *)self + k->offset, mem, set ? set->at : (origin){0}, title,
                     d);
    } else {
      text t = {0};
      put_allowed(&t, k);
      r = diag_error(d, RAD_EINVAL, s ? s->at : (origin){0}, "%s needs a key '%s' (%s): %s", title,
                     k->name, k->help, text_str(&t));
      text_free(&t);
    }
    worst = r < 0 && worst == RAD_OK ? r : worst;
  }
  return worst;
}

/* --- names --- */
const rad_key *keys_find(const key_table *table, size_t ntables, const char *name)
{
  for (size_t t = 0; t < ntables; t++)
    for (size_t i = 0; i < table[t].n; i++)
      if (strcmp(table[t].v[i].name, name) == 0)
        return &table[t].v[i];
  return NULL;
}

rad_status keys_unknown(const setting *set, const key_table *table, size_t ntables,
                        const char *title, diag *d)
{
  if (keys_find(table, ntables, set->key))
    return RAD_OK;
  size_t n = 0;
  for (size_t t = 0; t < ntables; t++)
    n += table[t].n;
  const char **name = calloc(n + 1, sizeof *name);
  char hint[96] = "";
  if (name) { /* without memory the message lacks its suggestion */
    n = 0;
    for (size_t t = 0; t < ntables; t++)
      for (size_t i = 0; i < table[t].n; i++)
        name[n++] = table[t].v[i].name;
    text_hint(hint, set->key, name, n);
  }
  free(name);
  return diag_error(d, RAD_EINVAL, set->at, "%s unknown key '%.80s'%s", title, set->key, hint);
}

/* --- documentation --- */
void keys_help(const rad_key *k, text *t)
{
  text allowed = {0};
  put_allowed(&allowed, k);
  text_printf(t, "%-16s %s", k->name, text_str(&allowed));
  if (k->flags & RAD_LOG)
    text_puts(t, ", searched on a log scale");
  if (k->flags & RAD_FIXED)
    text_puts(t, ", not searchable");
  if (!k->def)
    text_puts(t, ", required");
  else if (*k->def)
    text_printf(t, ", default %s", k->def);
  text_printf(t, ": %s\n", k->help);
  text_free(&allowed);
}

/* --- tables: nothing that a plugin states is believed --- */
static bool field_of(uint32_t type, size_t *size, size_t *align)
{
  switch (type) {
#define FIELD(id, T)                                                                               \
  case id:                                                                                         \
    *size = sizeof(T);                                                                             \
    *align = alignof(T);                                                                           \
    return true
    FIELD(RAD_BOOL, bool);
    FIELD(RAD_INT, int32_t);
    FIELD(RAD_ENUM, int32_t);
    FIELD(RAD_LONG, int64_t);
    FIELD(RAD_FLOAT, float);
    FIELD(RAD_DOUBLE, double);
    FIELD(RAD_TEXT, const char *);
    FIELD(RAD_LIST, rad_list);
#undef FIELD
  default:
    return false;
  }
}

/* What is wrong with the i-th key, or NULL. */
static const char *fault_of_field(const rad_key *k, size_t size)
{
  size_t bytes, align, end;
  if (!field_of(k->type, &bytes, &align))
    return "has an unknown type";
  if (!size_add(k->offset, bytes, &end) || end > size)
    return "lies beyond the end of its struct";
  if (k->offset % align != 0)
    return "has a misaligned offset";
  if (k->type == RAD_ENUM && (!k->choices || !k->choices[0]))
    return "has no choices";
  if (is_number(k->type) && !(k->lo <= k->hi))
    return "has a range whose lower end is not below its upper end";
  if (k->flags & ~(uint32_t)(RAD_LOG | RAD_FIXED | RAD_FILE))
    return "has unknown flags";
  if ((k->flags & RAD_FILE) && k->type != RAD_TEXT)
    return "is marked as a file, but is not text";
  return NULL;
}

static const char *fault_of_place(const rad_key *key, size_t i, const rad_key *common,
                                  size_t ncommon)
{
  if (keys_find(&(key_table){common, ncommon}, 1, key[i].name))
    return "has the name of a key that every plugin of its kind has";
  if (keys_find(&(key_table){key, i}, 1, key[i].name))
    return "is there twice";
  return NULL;
}

static rad_status check_default(const rad_key *k, const char *who, diag *d)
{
  arena mem = {0};
  diag dropped = {0};
  const rad_status s =
      k->def ? keys_parse(k, k->def, NULL, &mem, (origin){0}, who, &dropped) : RAD_OK;
  diag_free(&dropped);
  arena_free(&mem);
  if (s == RAD_EINVAL)
    return diag_error(d, s, (origin){0},
                      "%s: default '%.80s' of key '%s' is not allowed by its own "
                      "table",
                      who, k->def, k->name);
  return s < 0 ? diag_error(d, s, (origin){0}, "%s: out of memory", who) : RAD_OK;
}

rad_status keys_check_table(const rad_key *key, size_t n, size_t size, const rad_key *common,
                            size_t ncommon, const char *who, diag *d)
{
  if (n > 0 && !key)
    return diag_error(d, RAD_EINVAL, (origin){0}, "%s: keys are counted, but there is no table",
                      who);
  if (n > 1000)
    return diag_error(d, RAD_EINVAL, (origin){0}, "%s: more than 1000 keys", who);
  rad_status worst = RAD_OK;
  for (size_t i = 0; i < n; i++) {
    const rad_key *k = &key[i];
    if (!k->name || !text_is_name(k->name) || !k->help || !*k->help) /* later ones compare names */
      return diag_error(d, RAD_EINVAL, (origin){0},
                        "%s: key %zu has no name of letters, digits, '_' and '-', or no help", who,
                        i + 1);
    const char *fault = fault_of_field(k, size);
    fault = fault ? fault : fault_of_place(key, i, common, ncommon);
    const rad_status s =
        fault ? diag_error(d, RAD_EINVAL, (origin){0}, "%s: key '%s' %s", who, k->name, fault)
              : check_default(k, who, d);
    worst = s < 0 ? s : worst;
  }
  return worst;
}
