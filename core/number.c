/* SPDX-License-Identifier: BSD-3-Clause
 * number.c - numbers as text, whatever the locale: the C library converts, in the locale's own
 * notation, and the decimal point is put in and taken out here. */
#include "text.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 1100 }; /* characters of a number; every double can be written in fewer */

/* --- from text --- */
static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *s)
{
  while (is_digit(*s))
    s++;
  return s;
}

static const char *skip_blanks(const char *s)
{
  return s + strspn(s, " \t\r\n\v\f");
}

/* The end of [+-]digits[.digits][e[+-]digits], or NULL; *point: where the '.' is, or NULL. */
static const char *scan(const char *s, const char **point)
{
  *point = NULL;
  s += *s == '+' || *s == '-';
  const char *const whole = s;
  s = skip_digits(s);
  bool any = s > whole;
  if (*s == '.') {
    *point = s;
    s = skip_digits(s + 1);
    any = any || s > *point + 1;
  }
  if (!any)
    return NULL;
  if (*s == 'e' || *s == 'E') {
    s++;
    s += *s == '+' || *s == '-';
    if (!is_digit(*s))
      return NULL;
    s = skip_digits(s);
  }
  return s;
}

/* What the C library writes between the digits of 0.5. */
static size_t locale_point(char out[16])
{
  char half[16];
  const int n = snprintf(half, sizeof half, "%.1f", 0.5);
  if (n < 3 || (size_t)n >= sizeof half)
    return (size_t)snprintf(out, 16, ".");
  memcpy(out, half + 1, (size_t)n - 2);
  return (size_t)n - 2;
}

bool text_to_double(const char *s, double *out)
{
  char copy[LONGEST + 16], mark[16];
  const char *point;
  s = skip_blanks(s);
  const char *const end = scan(s, &point);
  if (!end || *skip_blanks(end) != '\0' || end - s >= LONGEST)
    return false;
  size_t head = (size_t)((point ? point : end) - s), tail = 0, n = 0;
  memcpy(copy, s, head);
  if (point) {
    n = locale_point(mark);
    tail = (size_t)(end - point) - 1;
    memcpy(copy + head, mark, n);
    memcpy(copy + head + n, point + 1, tail);
  }
  copy[head + n + tail] = '\0';
  const double v = strtod(copy, NULL);
  if (!isfinite(v))
    return false;
  *out = v;
  return true;
}

bool text_to_int64(const char *s, int64_t *out)
{
  s = skip_blanks(s);
  const bool negative = *s == '-';
  s += *s == '+' || *s == '-';
  const uint64_t most = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
  uint64_t v = 0;
  if (!is_digit(*s))
    return false;
  for (; is_digit(*s); s++) {
    const uint64_t digit = (uint64_t)(*s - '0');
    if (v > (most - digit) / 10)
      return false;
    v = 10 * v + digit;
  }
  if (*skip_blanks(s) != '\0')
    return false;
  if (negative) /* -v without passing through a value that int64_t lacks */
    *out = v == 0 ? 0 : -(int64_t)(v - 1) - 1;
  else
    *out = (int64_t)v;
  return true;
}

/* --- to text --- */
typedef struct decimal { /* +-d.ddd x 10^exponent */
  char digit[20];
  int n, exponent;
  bool negative;
} decimal;

/* From the "-d,ddde-dd" of printf; trailing zeros are dropped. */
static decimal take_apart(const char *s)
{
  decimal d = {.negative = *s == '-'};
  const char *const e = strchr(s, 'e');
  for (; s < e; s++)
    if (is_digit(*s) && d.n < (int)sizeof d.digit)
      d.digit[d.n++] = *s;
  while (d.n > 1 && d.digit[d.n - 1] == '0')
    d.n--;
  for (const char *p = e + 2; is_digit(*p); p++)
    d.exponent = 10 * d.exponent + (*p - '0');
  if (e[1] == '-')
    d.exponent = -d.exponent;
  return d;
}

/* 0.00123, 12300, 1.23e-7 */
static const char *put_together(char out[32], const decimal *d)
{
  const bool plain = d->exponent >= -4 && d->exponent < 15;
  const int before = !plain ? 1 : d->exponent < 0 ? 0 : d->exponent + 1; /* digits before the '.' */
  char *p = out;
  if (d->negative)
    *p++ = '-';
  for (int i = 0; i < before; i++)
    *p++ = i < d->n ? d->digit[i] : '0';
  if (before == 0)
    *p++ = '0';
  if (d->n > before)
    *p++ = '.';
  for (int i = d->exponent; plain && i < -1; i++)
    *p++ = '0';
  for (int i = before; i < d->n; i++)
    *p++ = d->digit[i];
  *p = '\0';
  if (!plain)
    snprintf(p, 32 - (size_t)(p - out), "e%d", d->exponent);
  return out;
}

/* NULL: v is an ordinary number other than 0. */
static const char *special(char out[32], double v)
{
  const char *name = isnan(v)     ? "nan"
                     : isinf(v)   ? (v < 0 ? "-inf" : "inf")
                     : v != 0     ? NULL
                     : signbit(v) ? "-0.0" /* "-0" would come back as an integer */
                                  : "0";
  if (name)
    snprintf(out, 32, "%s", name);
  return name ? out : NULL;
}

/* A decimal of at most DBL_DIG digits that reads back is what %.*e prints at DBL_DIG digits; only
 * below the normal numbers can fewer digits say more. */
const char *text_from_double(char out[32], double v)
{
  char s[64];
  if (special(out, v))
    return out;
  for (int p = fabs(v) < DBL_MIN ? 1 : DBL_DIG; p <= 17; p++) {
    snprintf(s, sizeof s, "%.*e", p - 1, v);
    const double back = strtod(s, NULL);
    if (!(back < v) && !(back > v))
      break;
  }
  const decimal d = take_apart(s);
  return put_together(out, &d);
}

const char *text_from_float(char out[32], float v)
{
  char s[64];
  if (special(out, (double)v))
    return out;
  for (int p = fabsf(v) < FLT_MIN ? 1 : FLT_DIG; p <= 9; p++) {
    snprintf(s, sizeof s, "%.*e", p - 1, (double)v);
    const float back = strtof(s, NULL);
    if (!(back < v) && !(back > v))
      break;
  }
  const decimal d = take_apart(s);
  return put_together(out, &d);
}
