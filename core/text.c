/* SPDX-License-Identifier: BSD-3-Clause
 * text.c - checked sizes, growing strings, near words. */
#include "text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool size_mul(size_t a, size_t b, size_t *out)
{
  if (b != 0 && a > SIZE_MAX / b)
    return false;
  *out = a * b;
  return true;
}

bool size_add(size_t a, size_t b, size_t *out)
{
  if (a > SIZE_MAX - b)
    return false;
  *out = a + b;
  return true;
}

/* --- text --- */
/* Room for n more bytes and the NUL. */
static bool reserve(text *t, size_t n)
{
  size_t need;
  if (t->failed || !size_add(t->n, n, &need) || !size_add(need, 1, &need))
    goto fail;
  if (need <= t->cap)
    return true;
  size_t cap = t->cap < 32 ? 64 : t->cap;
  while (cap < need)
    if (!size_mul(cap, 2, &cap))
      cap = need;
  char *s = realloc(t->s, cap);
  if (!s)
    goto fail;
  t->s = s;
  t->cap = cap;
  return true;
fail:
  t->failed = true;
  return false;
}

void text_add(text *t, const char *s, size_t n)
{
  if (!reserve(t, n))
    return;
  if (n > 0)
    memcpy(t->s + t->n, s, n);
  t->n += n;
  t->s[t->n] = '\0';
}

void text_puts(text *t, const char *s)
{
  text_add(t, s, strlen(s));
}

void text_vprintf(text *t, const char *fmt, va_list ap)
{
  va_list again;
  va_copy(again, ap);
  const int n = vsnprintf(NULL, 0, fmt, ap);
  if (n < 0)
    t->failed = true;
  else if (reserve(t, (size_t)n)) {
    vsnprintf(t->s + t->n, (size_t)n + 1, fmt, again);
    t->n += (size_t)n;
  }
  va_end(again);
}

void text_printf(text *t, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  text_vprintf(t, fmt, ap);
  va_end(ap);
}

void text_clear(text *t)
{
  t->n = 0;
  t->failed = false;
  if (t->s)
    t->s[0] = '\0';
}

void text_free(text *t)
{
  free(t->s);
  *t = (text){0};
}

const char *text_str(const text *t)
{
  return t->s ? t->s : "";
}

/* --- words --- */
enum { WORD = 64 }; /* longer ones are not compared */

static char lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t min3(size_t a, size_t b, size_t c)
{
  const size_t m = a < b ? a : b;
  return m < c ? m : c;
}

/* Damerau-Levenshtein in the form where no substring is edited twice; case does not count.
 * cost[i][j]: of turning i letters of a into j letters of b. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
  size_t row[3][WORD + 1];
  size_t *before = row[0], *last = row[1], *now = row[2];
  for (size_t j = 0; j <= nb; j++)
    last[j] = j;
  for (size_t i = 1; i <= na; i++) {
    now[0] = i;
    for (size_t j = 1; j <= nb; j++) {
      const char x = lower(a[i - 1]), y = lower(b[j - 1]);
      now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + (x != y));
      if (i > 1 && j > 1 && x == lower(b[j - 2]) && lower(a[i - 2]) == y && before[j - 2] < now[j])
        now[j] = before[j - 2] + 1;
    }
    size_t *const oldest = before;
    before = last;
    last = now;
    now = oldest;
  }
  return last[nb];
}

const char *text_nearest(const char *word, const char *const *list, size_t n)
{
  const size_t length = strlen(word);
  const char *best = NULL;
  size_t least = SIZE_MAX;
  if (length > WORD)
    return NULL;
  for (size_t i = 0; i < n; i++) {
    const size_t other = strlen(list[i]), longer = other > length ? other : length;
    if (other > WORD)
      continue;
    const size_t d = distance(word, length, list[i], other);
    if (d <= longer / 3 && d < least) {
      least = d;
      best = list[i];
    }
  }
  return best;
}

const char *text_hint(char out[96], const char *word, const char *const *list, size_t n)
{
  const char *const near = text_nearest(word, list, n);
  out[0] = '\0';
  if (near)
    snprintf(out, 96, " (did you mean '%s'?)", near);
  return out;
}

bool text_is_name(const char *s)
{
  const size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
  return n >= 1 && n <= 64 && s[n] == '\0';
}
