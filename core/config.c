/* SPDX-License-Identifier: BSD-3-Clause
 * config.c - sections and settings: found, copied, written. */
#include "config_parts.h"
#include "inifile.h"
#include "keys.h"
#include <stdio.h>
#include <string.h>

static const char blanks[] = " \t";

/* --- find --- */
static bool same_word(const char *a, const char *b) /* either may be NULL */
{
  return a && b ? strcmp(a, b) == 0 : a == b;
}

section *config_find(const config *c, const char *kind, const char *name)
{
  for (size_t i = 0; i < c->n; i++)
    if (strcmp(c->v[i]->kind, kind) == 0 && strcmp(c->v[i]->name, name) == 0)
      return c->v[i];
  return NULL;
}

const section *config_next(const config *c, const char *kind, const section *after)
{
  size_t i = 0;
  while (after && i < c->n && c->v[i++] != after)
    ;
  for (; i < c->n; i++)
    if (strcmp(c->v[i]->kind, kind) == 0 && section_enabled(c->v[i]))
      return c->v[i];
  return NULL;
}

const section *config_compressor(const config *c, const char *name)
{
  for (const section *s = NULL; (s = config_next(c, "compressor", s));)
    if (strcmp(*s->name ? s->name : section_value(s, "plugin", ""), name) == 0)
      return s;
  return NULL;
}

size_t config_count(const config *c, const char *kind)
{
  size_t n = 0;
  for (const section *s = NULL; (s = config_next(c, kind, s));)
    n++;
  return n;
}

setting *section_find(const section *s, const char *key, const char *only)
{
  for (size_t i = 0; s && i < s->n; i++)
    if (strcmp(s->v[i].key, key) == 0 && same_word(s->v[i].only, only))
      return &s->v[i];
  return NULL;
}

setting *section_row(const section *s, const setting *after)
{
  for (size_t i = after ? (size_t)(after - s->v) + 1 : 0; i < s->n; i++)
    if (strcmp(s->v[i].key, "enabled") != 0)
      return &s->v[i];
  return NULL;
}

const setting *section_get(const section *s, const char *key)
{
  const setting *const plugin = section_find(s, "plugin", NULL);
  const setting *const own = plugin ? section_find(s, key, plugin->value) : NULL;
  return own ? own : section_find(s, key, NULL);
}

const char *section_value(const section *s, const char *key, const char *otherwise)
{
  const setting *const set = section_get(s, key);
  return set ? set->value : otherwise;
}

bool section_enabled(const section *s)
{
  const char *const value = section_value(s, "enabled", "true");
  return strcmp(value, "false") != 0 && strcmp(value, "no") != 0 && strcmp(value, "off") != 0;
}

const char *section_title(const section *s, char out[160])
{
  snprintf(out, 160, "[%.60s%s%.90s]", s->kind, *s->name ? " " : "", s->name);
  return out;
}

const char *section_dotted(const section *s, const char *key, arena *mem)
{
  return arena_printf(mem, "%s%s%s.%s", s->kind, *s->name ? "." : "", s->name, key);
}

/* --- build --- */
rad_status section_put(arena *mem, section *s, const setting *set)
{
  setting *const v = arena_grow(mem, s->v, s->n, &s->cap, sizeof *v);
  if (!v)
    return RAD_ENOMEM;
  s->v = v;
  s->v[s->n++] = *set;
  return RAD_OK;
}

section *section_new(arena *mem, const char *kind, const char *name, origin at)
{
  section *const s = arena_alloc(mem, sizeof *s);
  if (!s)
    return NULL;
  s->kind = arena_strdup(mem, kind);
  s->name = arena_strdup(mem, name);
  s->at = at;
  return s->kind && s->name ? s : NULL;
}

rad_status config_push(config *c, section *s)
{
  section **const v = arena_grow(&c->mem, c->v, c->n, &c->cap, sizeof *v);
  if (!v)
    return RAD_ENOMEM;
  c->v = v;
  c->v[c->n++] = s;
  return RAD_OK;
}

void config_free(config *c)
{
  arena_free(&c->mem);
  *c = (config){0};
}

/* --- copy --- */
typedef struct copier { /* settings of one file follow each other: its name is copied once */
  arena *mem;
  const char *from, *to;
} copier;

static bool copy_word(copier *k, const char **word)
{
  if (!*word)
    return true;
  *word = arena_strdup(k->mem, *word);
  return *word != NULL;
}

static bool copy_origin(copier *k, origin *at)
{
  if (!at->file)
    return true;
  if (at->file != k->from) {
    k->to = arena_strdup(k->mem, at->file);
    k->from = k->to ? at->file : NULL;
  }
  at->file = k->to;
  return k->to != NULL;
}

static section *copy_section(copier *k, const section *from)
{
  section *const to = arena_alloc(k->mem, sizeof *to);
  if (!to)
    return NULL;
  *to = *from;
  to->cap = from->n;
  to->v = arena_alloc(k->mem, from->n * sizeof *to->v); /* fits: from->v does */
  bool good = to->v && copy_word(k, &to->kind) && copy_word(k, &to->name) &&
              copy_word(k, &to->replaced) && copy_origin(k, &to->at);
  for (size_t i = 0; good && i < from->n; i++) {
    to->v[i] = from->v[i];
    good = copy_word(k, &to->v[i].key) && copy_word(k, &to->v[i].value) &&
           copy_word(k, &to->v[i].only) && copy_word(k, &to->v[i].was) &&
           copy_origin(k, &to->v[i].at);
  }
  if (good && from->before) { /* which has none itself */
    to->before = copy_section(k, from->before);
    good = to->before != NULL;
  }
  return good ? to : NULL;
}

rad_status config_copy(config *to, const config *from)
{
  *to = (config){0};
  copier k = {.mem = &to->mem};
  to->files = arena_alloc(&to->mem, from->nfiles * sizeof *to->files);
  to->cfiles = from->nfiles;
  bool good = to->files != NULL;
  for (size_t i = 0; good && i < from->nfiles; i++) {
    to->files[i] = from->files[i];
    good = copy_word(&k, &to->files[to->nfiles++]);
  }
  for (size_t i = 0; good && i < from->n; i++) {
    section *const s = copy_section(&k, from->v[i]);
    good = s && config_push(to, s) == RAD_OK;
  }
  if (good)
    return RAD_OK;
  config_free(to);
  return RAD_ENOMEM;
}

/* --- plugins --- */
bool plugin_changes(const char *old, const char *now)
{
  arena mem = {0};
  const char *const *word;
  size_t n = 0;
  bool changes = strcmp(old, now) != 0;
  if (changes && is_choice(old) && searched_words(&mem, old, &word, &n) == RAD_OK)
    for (size_t i = 0; i < n && changes; i++)
      changes = strcmp(word[i], now) != 0;
  arena_free(&mem);
  return changes;
}

static bool is_common(const char *kind, const char *key)
{
  const kind_info *const info = kind_by_name(kind);
  for (size_t i = 0; info && i < info->ncommon; i++)
    if (strcmp(info->common[i].name, key) == 0)
      return true;
  return strcmp(key, "plugin") == 0 || strcmp(key, "enabled") == 0;
}

rad_status section_drop_plugin(arena *mem, section *s, bool remember)
{
  const setting *const plugin = section_find(s, "plugin", NULL);
  if (remember && !s->before && plugin) {
    section *const old = arena_alloc(mem, sizeof *old);
    if (!old)
      return RAD_ENOMEM;
    *old = *s;
    old->cap = s->n;
    old->v = arena_alloc(mem, s->n * sizeof *old->v);
    if (!old->v)
      return RAD_ENOMEM;
    memcpy(old->v, s->v, s->n * sizeof *old->v);
    s->before = old;
    s->replaced = plugin->value;
  }
  size_t n = 0;
  for (size_t i = 0; i < s->n; i++)
    if (s->v[i].only || is_common(s->kind, s->v[i].key))
      s->v[n++] = s->v[i];
  s->n = n;
  return RAD_OK;
}

/* --- text --- */
static void write_settings(const section *s, const char *prefix, text *t)
{
  for (size_t i = 0; i < s->n; i++) {
    const setting *const v = &s->v[i];
    const size_t start = t->n;
    text_printf(t, "%s%s%s%s", prefix, v->key, v->only ? "@" : "", v->only ? v->only : "");
    if (ini_value_fault(v->value) || !ini_is_key(text_str(t) + start))
      t->failed = true;
    text_printf(t, *v->value ? " = %s\n" : " =\n", v->value);
  }
}

void config_write(const config *c, text *t)
{
  for (size_t i = 0; i < c->n; i++) {
    const section *const s = c->v[i];
    if (strlen(s->name) > INI_NAME)
      t->failed = true;
    text_printf(t, "%s[%s%s%s]\n", i > 0 ? "\n" : "", s->kind, *s->name ? " " : "", s->name);
    write_settings(s, "", t);
    if (s->before)
      write_settings(s->before, "before.", t);
  }
}

/* The end of a list's first word: the ',' outside parentheses, or the end of the text. */
static const char *word_end(const char *s)
{
  size_t depth = 0;
  for (; *s && !(*s == ',' && depth == 0); s++) {
    depth += *s == '(';
    depth -= *s == ')' && depth > 0;
  }
  return s;
}

rad_status config_words(arena *mem, const char *list, const char *const **words, size_t *n)
{
  size_t most = 1, count = 0;
  *words = NULL;
  *n = 0;
  for (const char *s = list; *s; s++)
    most += *s == ',';
  const char **const v = most <= SIZE_MAX / sizeof *v ? arena_alloc(mem, most * sizeof *v) : NULL;
  if (!v)
    return RAD_ENOMEM;
  *words = v;
  if (list[strspn(list, blanks)] == '\0')
    return RAD_OK;
  for (const char *s = list, *end;; s = end + 1) {
    end = word_end(s);
    s += strspn(s, blanks);
    size_t length = s < end ? (size_t)(end - s) : 0;
    while (length > 0 && strchr(blanks, s[length - 1]))
      length--;
    if (!(v[count++] = arena_strndup(mem, s, length)))
      return RAD_ENOMEM;
    if (*end == '\0')
      break;
  }
  *n = count;
  return RAD_OK;
}

/* --- searched values --- */
static const char range[] = "search(", choice[] = "choice(";
enum { OPENING = sizeof range - 1 };
_Static_assert(sizeof range == sizeof choice, "both open with as many letters");

bool is_range(const char *value)
{
  return strncmp(value, range, OPENING) == 0;
}

bool is_choice(const char *value)
{
  return strncmp(value, choice, OPENING) == 0;
}

bool is_searched(const char *value)
{
  return is_range(value) || is_choice(value);
}

rad_status searched_words(arena *mem, const char *value, const char *const **words, size_t *n)
{
  const size_t length = strlen(value + OPENING);
  const char *inner = arena_strndup(mem, value + OPENING, length > 0 ? length - 1 : 0);
  return inner ? config_words(mem, inner, words, n) : RAD_ENOMEM;
}
