/* SPDX-License-Identifier: BSD-3-Clause
 * json.c - writing JSON (RFC 8259). What was written last tells whether a comma is due. */
#include "json.h"
#include "utf8.h"
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

/* Ill-formed UTF-8, which no reader would take, becomes U+FFFD byte by byte. */
static void put_string(text *t, const char *s)
{
  const char *const end = s + strlen(s);
  text_puts(t, "\"");
  while (s < end) {
    const size_t n = utf8_length(s, (size_t)(end - s));
    if (n == 0)
      text_puts(t, "\xEF\xBF\xBD");
    else if (*s == '"' || *s == '\\')
      text_printf(t, "\\%c", *s);
    else if (*s == '\n')
      text_puts(t, "\\n");
    else if ((unsigned char)*s < 0x20)
      text_printf(t, "\\u%04x", (unsigned)(unsigned char)*s);
    else
      text_add(t, s, n);
    s += n > 0 ? n : 1;
  }
  text_puts(t, "\"");
}

static void begin(text *t, const char *key)
{
  const char last = t->n > 0 ? t->s[t->n - 1] : '\n';
  if (last != '{' && last != '[' && last != '\n')
    text_puts(t, ", ");
  if (key) {
    put_string(t, key);
    text_puts(t, ": ");
  }
}

void json_open(text *t, const char *key, char bracket)
{
  begin(t, key);
  text_add(t, &bracket, 1);
}

void json_close(text *t, char bracket)
{
  text_add(t, &bracket, 1);
}

void json_text(text *t, const char *key, const char *value)
{
  begin(t, key);
  if (value)
    put_string(t, value);
  else
    text_puts(t, "null");
}

void json_double(text *t, const char *key, double value)
{
  char out[32];
  begin(t, key);
  text_printf(t, isfinite(value) ? "%s" : "\"%s\"", text_from_double(out, value));
}

void json_int(text *t, const char *key, int64_t value)
{
  begin(t, key);
  text_printf(t, "%" PRId64, value);
}

void json_uint(text *t, const char *key, uint64_t value)
{
  begin(t, key);
  text_printf(t, "%" PRIu64, value);
}

void json_bool(text *t, const char *key, bool value)
{
  begin(t, key);
  text_puts(t, value ? "true" : "false");
}

bool json_to_double(const struct json_t *j, double *out)
{
  static const struct {
    const char *name;
    double value;
  } word[] = {{"nan", NAN}, {"inf", HUGE_VAL}, {"-inf", -HUGE_VAL}};
  if (json_is_number(j)) {
    *out = json_number_value(j);
    return true;
  }
  for (size_t i = 0; json_is_string(j) && i < sizeof word / sizeof word[0]; i++)
    if (strcmp(json_string_value(j), word[i].name) == 0) {
      *out = word[i].value;
      return true;
    }
  return false;
}

double json_member_double(const json_t *o, const char *key)
{
  double v;
  const json_t *m = json_object_get(o, key);
  return m && json_to_double(m, &v) ? v : (double)NAN;
}

uint64_t json_member_uint(const json_t *o, const char *key)
{
  const json_t *m = json_object_get(o, key);
  const json_int_t v = json_is_integer(m) ? json_integer_value(m) : 0;
  return v > 0 ? (uint64_t)v : 0;
}

const char *json_member_text(const json_t *o, const char *key)
{
  return json_string_value(json_object_get(o, key));
}
