/* SPDX-License-Identifier: BSD-3-Clause
 * plugin.c - loads one shared object and checks what it exports before anything is used: nothing
 * that a plugin states about itself is believed. */
#include "fs.h"
#include "keys.h"
#include "plugin_file.h"
#include <dlfcn.h>
#include <string.h>
#ifdef __ELF__
#include <elf.h>
#endif

enum {
  MAX_PLUGINS = 256,
  MAX_STRUCT = 4096,
  MAX_KEYS = 1000,
  MAX_SELF = 1 << 26,
  MAX_WORDS = 2000
};

/* --- the file --- */
#ifndef __ELF__
static const char *elf_fault(const fs_bytes *b)
{
  return b->n > 0 ? NULL : "it is empty";
}
#else
#if UINTPTR_MAX > 0xffffffffu
typedef Elf64_Ehdr elf_header;
typedef Elf64_Phdr elf_segment;
static const unsigned char elf_class = ELFCLASS64;
#else
typedef Elf32_Ehdr elf_header;
typedef Elf32_Phdr elf_segment;
static const unsigned char elf_class = ELFCLASS32;
#endif

/* The loader maps segments without looking at the file's length: one that was only half copied
 * would kill this process. NULL: complete. */
static const char *elf_fault(const fs_bytes *b)
{
  elf_header h;
  if (b->n < sizeof h || memcmp(b->p, ELFMAG, SELFMAG) != 0)
    return "it is not a shared object";
  memcpy(&h, b->p, sizeof h);
  if (h.e_ident[EI_CLASS] != elf_class)
    return "it is a shared object for another machine";
  if (h.e_phentsize != sizeof(elf_segment) || h.e_phoff > b->n ||
      h.e_phnum > (b->n - h.e_phoff) / sizeof(elf_segment))
    return "the file is truncated or damaged";
  for (size_t i = 0; i < h.e_phnum; i++) {
    elf_segment s;
    memcpy(&s, b->p + h.e_phoff + i * sizeof s, sizeof s);
    if (s.p_type == PT_LOAD && (s.p_offset > b->n || s.p_filesz > b->n - s.p_offset))
      return "the file is truncated or damaged";
  }
  return NULL;
}
#endif

static bool file_is_sound(const char *path, text *why)
{
  fs_bytes b;
  diag d = {0};
  const rad_status s = fs_map(path, 0, 0, &b, &d);
  const char *fault = s < 0 ? NULL : elf_fault(&b);
  if (s < 0)
    text_puts(why, text_str(&d.messages));
  else if (fault)
    text_puts(why, fault);
  fs_unmap(&b);
  diag_free(&d);
  return s == RAD_OK && !fault;
}

/* '*' in `pattern` stands for any text. */
static bool matches(const char *pattern, const char *s)
{
  for (; *pattern != '*'; pattern++, s++)
    if (*pattern != *s || *s == '\0')
      return *pattern == *s;
  for (;; s++) {
    if (matches(pattern + 1, s))
      return true;
    if (*s == '\0')
      return false;
  }
}

bool plugin_reports(const plugin *p, const char *metric)
{
  const char *const *m = p->d.metrics;
  while (m && *m && !matches(*m, metric))
    m++;
  return !m || *m;
}

typedef const rad_plugin *const *entry_point(uint32_t host_abi);

static entry_point *open_entry(const char *path, text *why)
{
  void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* never closed: callbacks may be anywhere */
  if (!so) {
    const char *reason = dlerror();
    const size_t n = strlen(path);
    reason = reason ? reason : "unknown reason";
    if (strncmp(reason, path, n) == 0 && strncmp(reason + n, ": ", 2) == 0)
      reason += n + 2;
    text_puts(why, reason);
    return NULL;
  }
  void *symbol = dlsym(so, "rademacher_plugins");
  entry_point *f = NULL;
  _Static_assert(sizeof f == sizeof symbol, "POSIX: a function's address fits into void *");
  memcpy(&f, &symbol, sizeof f);
  if (!f)
    text_puts(why, "it has no symbol rademacher_plugins: is it a plugin of this program?");
  return f;
}

/* --- the descriptor --- */
static bool abi_fits(const rad_plugin *d, text *why)
{
  uint32_t head[2]; /* abi, size: the only members that every ABI has */
  memcpy(head, d, sizeof head);
  if (head[0] != RAD_ABI) {
    text_printf(why, "it was built for plugin ABI %u, this program has ABI %u: build it again",
                head[0], RAD_ABI);
    return false;
  }
  if (head[1] < offsetof(rad_plugin, init) || head[1] > MAX_STRUCT ||
      head[1] % sizeof(void *) != 0) {
    text_printf(why, "its descriptor has an impossible size of %u bytes", head[1]);
    return false;
  }
  return true;
}

/* Words that are shown: short, and nothing that a terminal obeys. */
static bool is_text(const char *s)
{
  const char *end = memchr(s, '\0', MAX_WORDS);
  for (const char *p = s; end && p < end; p++)
    if ((unsigned char)*p < ' ' || *p == 0x7f)
      return false;
  return end != NULL;
}

static bool words_fit(rad_plugin *d, text *why)
{
  if (!d->name || !text_is_name(d->name)) {
    text_puts(why, "the name of a plugin must be of letters, digits, '_' and '-', at most 64");
    return false;
  }
  d->summary = d->summary ? d->summary : "";
  d->version = d->version ? d->version : "";
  if (is_text(d->summary) && is_text(d->version) && (!d->reference || is_text(d->reference)))
    return true;
  text_printf(why, "%s: summary, version or reference is too long or holds control characters",
              d->name);
  return false;
}

static bool versions_fit(const rad_plugin *d, text *why)
{
  if (d->needs > RAD_MINOR)
    text_printf(why, "%s: it needs plugin ABI %u.%u, this program has %u.%u: update the program",
                d->name, RAD_ABI, d->needs, RAD_ABI, RAD_MINOR);
  else if (plugin_is_locked(d->kind) && d->release != RAD_RELEASE)
    text_printf(why,
                "%s: a %s plugin works with the very release it was built for: that is %u, this "
                "program is %u: build it again",
                d->name, plugin_kind_name(d->kind), d->release, RAD_RELEASE);
  else
    return true;
  return false;
}

/* The key table with today's stride. */
static rad_status copy_keys(rad_plugin *d, arena *mem, text *why)
{
  const char *from = (const char *)d->keys;
  const size_t stride = d->key_size, n = d->nkeys;
  if (n == 0) {
    d->keys = NULL;
    return RAD_OK;
  }
  if (!from || n > MAX_KEYS || stride < offsetof(rad_key, flags) || stride > MAX_STRUCT ||
      stride % sizeof(void *) != 0) {
    text_printf(why, "%s: its key table is impossible: %zu keys of %zu bytes", d->name, n, stride);
    return RAD_EINVAL;
  }
  rad_key *k = arena_alloc(mem, n * sizeof *k);
  if (!k)
    return RAD_ENOMEM;
  for (size_t i = 0; i < n; i++)
    memcpy(&k[i], from + i * stride, stride < sizeof *k ? stride : sizeof *k);
  d->keys = k;
  d->key_size = sizeof *k;
  return RAD_OK;
}

static rad_status check_keys(const rad_plugin *d, text *why)
{
  const kind_info *k = kind_by_id(d->kind);
  diag faults = {0};
  const rad_status s = keys_check_table(d->keys, d->nkeys, d->self_size, k ? k->common : NULL,
                                        k ? k->ncommon : 0, d->name, &faults);
  if (s < 0)
    text_puts(why, text_str(&faults.messages));
  diag_free(&faults);
  return s;
}

/* One plugin of a file; RAD_EINVAL: `why` says what is wrong with it. */
static rad_status copy_plugin(plugin *p, const rad_plugin *d, arena *mem, text *why)
{
  if (!abi_fits(d, why))
    return RAD_EINVAL;
  memcpy(&p->d, d, d->size < sizeof p->d ? d->size : sizeof p->d);
  p->d.size = sizeof p->d;
  if (!words_fit(&p->d, why))
    return RAD_EINVAL;
  if (!versions_fit(&p->d, why))
    return RAD_EINVAL;
  const char *fault = plugin_ops_copy(p);
  if (!fault && p->d.self_size > MAX_SELF)
    fault = "its struct is impossibly large";
  if (fault) {
    text_printf(why, "%s: %s", p->d.name, fault);
    return RAD_EINVAL;
  }
  RAD_TRY(copy_keys(&p->d, mem, why));
  return check_keys(&p->d, why);
}

plugin *plugin_file_find(const plugin_file *f, uint32_t kind, const char *name)
{
  for (size_t i = 0; i < f->n; i++)
    if (f->v[i]->d.kind == kind && strcmp(f->v[i]->d.name, name) == 0)
      return f->v[i];
  return NULL;
}

static rad_status copy_all(plugin_file *f, const rad_plugin *const *list, arena *mem, text *why)
{
  size_t n = 0;
  while (n <= MAX_PLUGINS && list[n])
    n++;
  if (n == 0 || n > MAX_PLUGINS) {
    text_puts(why, n ? "its list of plugins has no end" : "its list of plugins is empty");
    return RAD_EINVAL;
  }
  if (!(f->v = arena_alloc(mem, n * sizeof(plugin *))))
    return RAD_ENOMEM;
  for (size_t i = 0; i < n; i++) {
    plugin *p = arena_alloc(mem, sizeof *p);
    if (!p)
      return RAD_ENOMEM;
    RAD_TRY(copy_plugin(p, list[i], mem, why));
    if (plugin_file_find(f, p->d.kind, p->d.name)) {
      text_printf(why, "it holds %s %s twice", plugin_kind_name(p->d.kind), p->d.name);
      return RAD_EINVAL;
    }
    p->file = f->path;
    f->v[f->n++] = p;
  }
  return RAD_OK;
}

static rad_status load(plugin_file *f, arena *mem, text *why)
{
  if (!file_is_sound(f->path, why))
    return RAD_EINVAL;
  entry_point *entry = open_entry(f->path, why);
  if (!entry)
    return RAD_EINVAL;
  const rad_plugin *const *list = entry(RAD_ABI);
  if (!list) {
    text_puts(why, "it exports nothing for this program");
    return RAD_EINVAL;
  }
  return copy_all(f, list, mem, why);
}

/* Several lines as one. */
static char *one_line(arena *mem, const text *t)
{
  char *s = arena_strdup(mem, text_str(t));
  size_t n = s ? strlen(s) : 0;
  while (n > 0 && s[n - 1] == '\n')
    s[--n] = '\0';
  for (size_t i = 0; i < n; i++)
    s[i] = s[i] == '\n' ? ';' : s[i];
  return s;
}

rad_status plugin_file_load(plugin_file *f, const char *path, arena *mem)
{
  text why = {0};
  *f = (plugin_file){.path = arena_strdup(mem, path)};
  rad_status s = f->path ? load(f, mem, &why) : RAD_ENOMEM;
  if (s < 0 && s != RAD_ENOMEM) {
    f->n = 0; /* all of a file or nothing */
    f->error = one_line(mem, &why);
    s = f->error ? RAD_OK : RAD_ENOMEM;
  }
  text_free(&why);
  return s;
}
