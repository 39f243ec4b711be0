/* SPDX-License-Identifier: BSD-3-Clause
 * names.c - names of copies: "outer.2.inner.1.hidden" is pairs of a block and its repetition, and
 * then the part. A shorter name leaves pairs out: it stands for every copy that has the others. */
#include "blocks.h"
#include <string.h>

/* Does `name` stand for the first n bytes of a full name? Pairs are compared one by one. */
static bool stands_for(const char *name, const char *full, size_t n)
{
  const char *const end = full + n;
  for (;;) {
    const size_t block = strcspn(full, ".");
    const size_t pair =
        full + block < end ? block + 1 + strcspn(full + block + 1, ".") : block; /* the part */
    if (full + pair == end)
      return strlen(name) == pair && strncmp(name, full, pair) == 0;
    if (strncmp(name, full, pair + 1) == 0)
      name += pair + 1;
    full += pair + 1;
  }
}

bool name_covers(const char *name, const char *full)
{
  return stands_for(name, full, strlen(full));
}

/* A word stands for a layer itself, for a block around it, or for one repetition of that. */
static bool word_applies(const char *word, const char *layer)
{
  for (size_t n = strcspn(layer, ".");; n += 1 + strcspn(layer + n + 1, ".")) {
    if (stands_for(word, layer, n))
      return true;
    if (layer[n] == '\0')
      return false;
  }
}

bool name_applies(const char *apply, const char *layer)
{
  char word[256];
  if (apply[strspn(apply, " ,")] == '\0')
    return true;
  for (const char *s = apply; *s;) {
    s += strspn(s, " ,");
    const size_t n = strcspn(s, " ,");
    if (n > 0 && n < sizeof word) {
      memcpy(word, s, n);
      word[n] = '\0';
      if (word_applies(word, layer))
        return true;
    }
    s += n;
  }
  return false;
}

/* --- which names there can be --- */
/* A repetition at the start of s: 1 to 1000, followed by '.' or the end. 0: there is none. */
static size_t repetition(const char *s)
{
  int64_t r = 0;
  char number[16] = "";
  const size_t n = strcspn(s, ".");
  if (n > 0 && n < sizeof number)
    memcpy(number, s, n);
  return number[0] >= '1' && number[0] <= '9' && text_to_int64(number, &r) && r <= 1000 ? n : 0;
}

/* The n bytes of pairs before the part's name must be of blocks around it, outermost first. */
static bool pairs_fit(const part *innermost, const char *name, size_t n)
{
  const part *around[BLOCK_DEPTH + 1];
  const char *const end = name + n;
  size_t left = 0;
  for (const part *up = innermost; up && left <= BLOCK_DEPTH; up = up->parent)
    around[left++] = up;
  while (name < end) {
    const size_t length = strcspn(name, ".");
    while (left > 0 && (strlen(around[left - 1]->section->name) != length ||
                        strncmp(around[left - 1]->section->name, name, length) != 0))
      left--;
    const size_t digits = left > 0 && name[length] == '.' ? repetition(name + length + 1) : 0;
    if (digits == 0)
      return false;
    name += length + 1 + digits;
    name += *name == '.';
    left--;
  }
  return true;
}

part *tree_named(const tree *t, const char *name)
{
  const char *dot = strrchr(name, '.');
  const size_t pairs = dot ? (size_t)(dot + 1 - name) : 0;
  part *p = tree_find(t, name + pairs);
  if (p)
    return pairs_fit(p->parent, name, pairs) ? p : NULL;
  char block[80]; /* else one repetition of a block: "body.2" */
  size_t from = dot ? (size_t)(dot - name) : 0;
  while (from > 0 && name[from - 1] != '.')
    from--;
  const size_t n = dot ? (size_t)(dot - name) - from : 0;
  if (n == 0 || n >= sizeof block)
    return NULL;
  memcpy(block, name + from, n);
  block[n] = '\0';
  p = tree_find(t, block);
  return p && p->block && pairs_fit(p, name, strlen(name)) ? p : NULL;
}
