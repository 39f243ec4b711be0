/* SPDX-License-Identifier: BSD-3-Clause
 * ini.c - one INI file, read with inih through a reader of our own.
 *
 * inih passes no line numbers, cuts long lines and long names, takes an indented line for more of
 * the value above it and ':' for '=', and says nothing of an empty section. So the reader counts
 * the lines, handles sections itself, refuses what inih would silently take for something else,
 * and hands over only settings. Of a line that inih's buffer does not hold, inih gets the key, and
 * the value is taken from the line, by the same rules. */
#include "inifile.h"
#include "utf8.h"
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char blanks[] = " \t";

typedef struct reader {
  int fd;
  char *block;    /* (BLOCK) of the file, read ahead */
  size_t at, end; /* what is left of it */
  bool ended;
  text line; /* the current one, without its end */
  bool cut;  /* inih got the key alone */
  bool handed_over;
  origin here;
  rad_status status; /* < 0: stop */
  const ini_events *events;
  diag *diag;
} reader;
enum { BLOCK = 1 << 16 };

static rad_status complain(reader *r, const char *what)
{
  return diag_error(r->diag, RAD_EINVAL, r->here, "%s", what);
}

/* --- lines --- */
static bool fill(reader *r)
{
  ssize_t n;
  do
    n = read(r->fd, r->block, BLOCK);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    r->status = diag_error(r->diag, RAD_EIO, r->here, "cannot read on: %s", strerror(errno));
  r->at = 0;
  r->end = n > 0 ? (size_t)n : 0;
  r->ended = n <= 0;
  return n > 0;
}

/* The next line into r->line, however it ends. Of one that is too long only its start is kept.
 * false: there is none, or reading failed. */
static bool next_line(reader *r)
{
  bool any = false, whole = false;
  text_clear(&r->line);
  while (!whole && (r->at < r->end || (!r->ended && fill(r)))) {
    const char *const from = r->block + r->at, *const eol = memchr(from, '\n', r->end - r->at);
    size_t n = eol ? (size_t)(eol - from) : r->end - r->at;
    r->at += n + (eol != NULL);
    if (r->line.n + n > INI_LINE + 2)
      n = INI_LINE + 2 - r->line.n;
    text_add(&r->line, from, n);
    any = true;
    whole = eol != NULL;
  }
  r->here.line += any;
  if (r->line.n > 0 && r->line.n <= INI_LINE + 1 && r->line.s[r->line.n - 1] == '\r')
    r->line.s[--r->line.n] = '\0';
  if (r->here.line == 1 && r->line.n >= 3 && memcmp(r->line.s, "\xEF\xBB\xBF", 3) == 0) {
    memmove(r->line.s, r->line.s + 3, r->line.n - 2);
    r->line.n -= 3;
  }
  if (r->line.failed)
    r->status = RAD_ENOMEM;
  return any && r->status >= 0;
}

static bool is_control(char c)
{
  return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7F;
}

/* A line of printable UTF-8? */
static bool check_bytes(reader *r)
{
  const char *const s = r->line.s;
  const size_t n = r->line.n;
  size_t step;
  if (n > INI_LINE) {
    diag_error(r->diag, RAD_EINVAL, r->here, "the line is longer than %d bytes", (int)INI_LINE);
    return false;
  }
  for (size_t i = 0; i < n; i += step) {
    step = utf8_length(s + i, n - i);
    if (step > 0 && !is_control(s[i]))
      continue;
    diag_error(r->diag, RAD_EINVAL, r->here,
               step == 0      ? "byte %zu (0x%02x) is not UTF-8: save the file as UTF-8"
               : s[i] == '\r' ? "byte %zu (0x%02x) is a carriage return inside the line: end "
                                "lines with a line feed"
                              : "byte %zu (0x%02x) is a control character: this is no text file",
               i + 1, (unsigned)(unsigned char)s[i]);
    return false;
  }
  return true;
}

/* --- values --- */
/* inih's rule: white space followed by ';' starts a comment. */
static const char *find_comment(const char *s)
{
  for (; *s; s++)
    if (strchr(blanks, *s) && s[1] == ';')
      return s;
  return NULL;
}

static size_t trimmed(const char *s, size_t n)
{
  while (n > 0 && strchr(blanks, s[n - 1]))
    n--;
  return n;
}

const char *ini_value_fault(const char *value)
{
  const size_t n = strlen(value);
  if (n > INI_LINE - INI_KEY - 3)
    return "it is too long for a line";
  if (*value == ';' || find_comment(value))
    return "a ';' at its start or after a blank would start a comment";
  if (n > 0 && (strchr(blanks, *value) || strchr(blanks, value[n - 1])))
    return "it starts or ends with a blank";
  for (size_t i = 0, step; i < n; i += step) {
    step = utf8_length(value + i, n - i);
    if (step == 0)
      return "it is not UTF-8";
    if (is_control(value[i]))
      return "it has a control character or a line end in it";
  }
  return NULL;
}

bool ini_is_key(const char *key)
{
  const size_t n =
      strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@-");
  return n >= 1 && n <= INI_KEY && key[n] == '\0';
}

/* --- sections --- */
/* name, or name.name.name */
static bool is_path(const char *s)
{
  char word[65];
  for (;;) {
    const size_t n = strcspn(s, ".");
    if (n >= sizeof word)
      return false;
    memcpy(word, s, n);
    word[n] = '\0';
    if (!text_is_name(word))
      return false;
    if (s[n] == '\0')
      return true;
    s += n + 1;
  }
}

/* "[kind]" or "[kind name]" in r->line, which is cut into pieces. A malformed header starts a
 * section that has no kind, so that its settings go to no other. */
static void take_section(reader *r)
{
  char *const kind = r->line.s + 1 + strspn(r->line.s + 1, blanks);
  char *const end = strchr(kind, ']');
  const char *fault = NULL;
  const char *name = "";
  if (!end)
    fault = "the ']' is missing: write [kind] or [kind name]";
  else {
    const char *rest = end + 1 + strspn(end + 1, blanks);
    end[0] = '\0';
    kind[trimmed(kind, (size_t)(end - kind))] = '\0';
    char *gap = kind + strcspn(kind, blanks);
    if (*gap) {
      *gap++ = '\0';
      name = gap + strspn(gap, blanks);
    }
    if (*rest && *rest != ';')
      fault = "there is something after the ']'";
    else if (!*kind)
      fault = "a section needs a kind: write [kind] or [kind name]";
    else if (!text_is_name(kind) || (*name && !is_path(name)))
      fault = "write [kind] or [kind name]; a name has at most 64 letters, digits, '_' and '-'";
    else if (strlen(name) > INI_NAME)
      fault = "the section's name is longer than 180 bytes";
  }
  if (fault)
    complain(r, fault);
  r->status = r->events->section(r->events->user, fault ? "" : kind, fault ? "" : name, r->here);
}

/* --- settings --- */
/* Is the line "key = value"? *key: bytes before the '=', blanks included. */
static bool check_setting(reader *r, size_t *key)
{
  const char *const s = r->line.s;
  *key = strcspn(s, "=");
  const char *const comment = find_comment(s);
  const size_t n = trimmed(s, *key);
  const char *const colon = memchr(s, ':', *key);
  char room[INI_KEY + 1];
  if (strchr(blanks, *s))
    complain(r, "the line is indented: values do not continue; start it in the first column");
  else if (colon && !(comment && comment < colon))
    complain(r, "':' does not end a key: write key = value");
  else if (s[*key] == '\0' || (comment && comment < s + *key))
    complain(r, "the line is neither [section] nor key = value nor a comment");
  else if (n == 0)
    complain(r, "there is no key before the '='");
  else if (n > INI_KEY)
    complain(r, "the key is longer than 180 bytes");
  else {
    memcpy(room, s, n);
    room[n] = '\0';
    const char *const after = s + *key + 1 + strspn(s + *key + 1, blanks);
    if (!ini_is_key(room))
      diag_error(r->diag, RAD_EINVAL, r->here,
                 "'%s' is not a key: keys have letters, digits, '_', '-', '.' and '@'", room);
    else if (*after == ';' && after == s + *key + 1)
      complain(r, "a value cannot start with ';': leave a blank before a comment");
    else
      return true;
  }
  return false;
}

/* Into inih's buffer: the line, or its key where it does not fit. */
static bool hand_over(reader *r, size_t key, char *out, size_t room)
{
  r->cut = r->line.n + 3 > room;
  size_t n = r->cut ? trimmed(r->line.s, key) : r->line.n;
  if (n + 3 > room) { /* only where inih was built with a buffer smaller than 200 */
    complain(r, "the key is too long");
    return false;
  }
  memcpy(out, r->line.s, n);
  if (r->cut)
    out[n++] = '=';
  out[n] = '\n';
  out[n + 1] = '\0';
  r->handed_over = true;
  return true;
}

/* fgets for inih. */
static char *read_line(char *out, int room, void *stream)
{
  reader *const r = stream;
  if (r->handed_over)
    complain(r, "the line was not understood: write key = value");
  r->handed_over = false;
  while (r->status >= 0 && next_line(r)) {
    size_t key;
    const char *const start = text_str(&r->line) + strspn(text_str(&r->line), blanks);
    if (!check_bytes(r) || *start == '\0' || *start == ';' || *start == '#')
      continue;
    if (*r->line.s == '[')
      take_section(r);
    else if (check_setting(r, &key) && hand_over(r, key, out, (size_t)room))
      return out;
  }
  return NULL;
}

static int take_setting(void *user, const char *section, const char *key, const char *value)
{
  reader *const r = user;
  (void)section; /* inih cuts its name */
  if (!key || !value)
    return 1;
  if (r->cut) {
    char *const s = strchr(r->line.s, '=') + 1;
    const char *const comment = find_comment(s);
    const size_t start = strspn(s, blanks);
    const size_t n = comment ? (size_t)(comment - s) : strlen(s);
    s[n > start ? start + trimmed(s + start, n - start) : start] = '\0';
    value = s + start;
  }
  r->handed_over = false;
  r->status = r->events->setting(r->events->user, key, value, r->here);
  return 1;
}

/* --- files --- */
rad_status ini_open(const char *path, origin at, int *fd, ini_id *id, diag *d)
{
  struct stat st;
  /* Without O_NONBLOCK a FIFO would wait for a writer. */
  *fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (*fd < 0)
    return diag_error(d, errno == ENOENT || errno == ENOTDIR ? RAD_EINVAL : RAD_EIO, at,
                      "cannot open %s: %s", path, strerror(errno));
  rad_status s = RAD_OK;
  if (fstat(*fd, &st) != 0)
    s = diag_error(d, RAD_EIO, at, "cannot open %s: %s", path, strerror(errno));
  else if (!S_ISREG(st.st_mode))
    s = diag_error(d, RAD_EINVAL, at, "%s is %s: an experiment is an INI file", path,
                   S_ISDIR(st.st_mode) ? "a folder" : "not a regular file");
  else if (st.st_size > INI_FILE)
    s = diag_error(d, RAD_EINVAL, at, "%s has more than %d bytes: this is no experiment", path,
                   (int)INI_FILE);
  else
    *id = (ini_id){.device = (uint64_t)st.st_dev, .inode = (uint64_t)st.st_ino};
  if (s < 0) {
    close(*fd);
    *fd = -1;
  }
  return s;
}

rad_status ini_read(int fd, const char *path, const ini_events *events, diag *d)
{
  arena mem = {0};
  reader r = {.fd = fd,
              .here = {.file = path},
              .events = events,
              .diag = d,
              .block = arena_alloc(&mem, BLOCK)};
  if (!r.block)
    return RAD_ENOMEM;
  const int n = ini_parse_stream(read_line, &r, take_setting, &r);
  if (n < 0 && r.status >= 0)
    r.status = RAD_ENOMEM; /* inih's own buffer */
  text_free(&r.line);
  arena_free(&mem);
  return r.status;
}
