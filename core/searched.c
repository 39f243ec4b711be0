/* SPDX-License-Identifier: BSD-3-Clause
 * searched.c - search(lo, hi[, log]) and choice(a, b): what a searched key may take. */
#include "sections.h"
#include <math.h>
#include <string.h>

static const char how[] = "write search(LO, HI), search(LO, HI, log) or choice(A, B)";

typedef struct place { /* what every message starts with */
  const rad_key *key;
  const setting *set;
  const char *title;
  arena *mem;
  diag *diag;
} place;

static rad_status complain(const place *p, const char *what)
{
  return diag_error(p->diag, RAD_EINVAL, p->set->at, "%s %s = %.80s: %s", p->title, p->set->key,
                    p->set->value, what);
}

static rad_status no_memory(const place *p)
{
  return diag_error(p->diag, RAD_ENOMEM, p->set->at, "out of memory");
}

static rad_status words_of(const place *p, const char *const **word, size_t *n)
{
  const char *open = strchr(p->set->value, '(') + 1;
  const size_t length = strlen(open);
  if (length == 0 || open[length - 1] != ')')
    return complain(p, "the closing parenthesis must be its end");
  size_t depth = 1;
  for (size_t i = 0; i < length; i++) {
    depth += open[i] == '(';
    depth -= open[i] == ')';
    if (depth == 0 && i + 1 < length)
      return complain(p, how);
  }
  if (depth != 0)
    return complain(p, "a parenthesis is not closed");
  const rad_status s = searched_words(p->mem, p->set->value, word, n);
  if (s == RAD_ENOMEM)
    return no_memory(p);
  if (s < 0 || *n == 0)
    return complain(p, how);
  for (size_t i = 0; i < *n; i++)
    if (!*(*word)[i])
      return complain(p, "there is nothing between two commas");
  return RAD_OK;
}

static rad_status check_word(const place *p, const char *word)
{
  return keys_parse(p->key, word, NULL, p->mem, p->set->at, p->title, p->diag);
}

static rad_status parse_range(const place *p, const char *const *word, size_t n, searched *out)
{
  const uint32_t type = p->key->type;
  if (type != RAD_INT && type != RAD_LONG && type != RAD_FLOAT && type != RAD_DOUBLE)
    return complain(p, type == RAD_LIST ? "a list of numbers cannot be searched"
                                        : "only numbers have a range; list what to try: "
                                          "choice(A, B)");
  if (n < 2 || n > 3)
    return complain(p, "a range has two ends: search(LO, HI) or search(LO, HI, log)");
  RAD_TRY(check_word(p, word[0]));
  RAD_TRY(check_word(p, word[1]));
  if (!text_to_double(word[0], &out->lo) || !text_to_double(word[1], &out->hi))
    return complain(p, how);
  if (!(out->lo < out->hi))
    return complain(p, "the lower end must be below the upper end");
  const bool integer = type == RAD_INT || type == RAD_LONG;
  if (integer && (fabs(out->lo) > 9007199254740992.0 || fabs(out->hi) > 9007199254740992.0))
    return complain(p, "a range of integers must lie within -2^53 and 2^53");
  if (!isfinite(out->hi - out->lo))
    return complain(p, "the range is too wide");
  const bool log = n == 3 && strcmp(word[2], "log") == 0;
  if (n == 3 && !log && strcmp(word[2], "linear") != 0)
    return complain(p, "the third word must be log or linear");
  if (log && !(out->lo > 0))
    return complain(p, "a log scale needs ends above 0");
  out->log = log || (n == 2 && (p->key->flags & RAD_LOG) && out->lo > 0);
  out->range = true;
  return RAD_OK;
}

static rad_status parse_choice(const place *p, const char *const *word, size_t n, searched *out)
{
  if (p->key->type == RAD_LIST)
    return complain(p, "a list of numbers cannot be searched");
  rad_status worst = RAD_OK;
  for (size_t i = 0; i < n; i++) {
    const rad_status s = check_word(p, word[i]);
    worst = s < 0 ? s : worst;
    for (size_t k = 0; k < i; k++)
      if (strcmp(word[i], word[k]) == 0)
        return complain(p, "a choice is there twice");
  }
  out->choice = word;
  out->n = n;
  return worst;
}

rad_status searched_parse(const rad_key *key, const setting *set, const char *title, arena *mem,
                          diag *d, searched *out)
{
  const place p = {key, set, title, mem, d};
  const char *const *word;
  size_t n;
  *out = (searched){0};
  if (key->flags & RAD_FIXED)
    return complain(&p, "this key is the same in all trials and cannot be searched");
  RAD_TRY(words_of(&p, &word, &n));
  if (n > 10000)
    return complain(&p, "more than 10000 choices");
  return is_range(set->value) ? parse_range(&p, word, n, out) : parse_choice(&p, word, n, out);
}
