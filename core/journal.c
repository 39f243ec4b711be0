/* SPDX-License-Identifier: BSD-3-Clause
 * journal.c - the append-only file of events: one writer, one line each, numbered. */
#define _DEFAULT_SOURCE /* O_CLOEXEC is POSIX, ftruncate on every system with it */
#include "fs.h"
#include "record.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST_LINE = 1 << 24 };

static rad_status damaged(const journal *j, const char *why, diag *d)
{
  return diag_error(d, RAD_EIO, (origin){.file = j->path, .line = (unsigned)(j->seq + 1)},
                    "the journal is damaged: %s; restore it from a copy, or start in another "
                    "folder",
                    why);
}

/* One line (n bytes, without its end). RAD_DONE: not a whole event. */
static rad_status read_line(journal *j, const char *line, size_t n, journal_skip *skip,
                            journal_visit *visit, void *user, diag *d)
{
  if (skip && skip(user, line, n))
    return RAD_OK;
  json_t *event = n < LONGEST_LINE ? json_loadb(line, n, 0, NULL) : NULL;
  if (!event)
    return RAD_DONE;
  rad_status s = RAD_OK;
  if (json_member_uint(event, "seq") != j->seq + 1)
    s = damaged(j, "a line is missing", d);
  if (s == RAD_OK)
    s = visit(user, event, d);
  json_decref(event);
  return s;
}

/* Bytes of whole lines, in j->size, from which on it reads. Only the last line may be incomplete:
 * whatever a crash cuts short is at the end. */
static rad_status read_lines(journal *j, const fs_bytes *b, journal_skip *skip,
                             journal_visit *visit, void *user, diag *d)
{
  const char *p = (const char *)b->p;
  size_t at = (size_t)j->size;
  while (at < b->n) {
    const char *end = memchr(p + at, '\n', b->n - at);
    if (!end)
      break;
    const size_t n = (size_t)(end - (p + at));
    const rad_status s = read_line(j, p + at, n, skip, visit, user, d);
    if (s == RAD_DONE && at + n + 1 < b->n)
      return damaged(j, "this line is not an event", d);
    if (s != RAD_OK)
      return s == RAD_DONE ? RAD_OK : s;
    at += n + 1;
    j->seq++;
    j->size = (off_t)at;
  }
  return RAD_OK;
}

static rad_status fail(const journal *j, const char *what, diag *d)
{
  return diag_error(d, RAD_EIO, (origin){0}, "%s: cannot %s: %s", j->path, what, strerror(errno));
}

static rad_status read_file(journal *j, journal_skip *skip, journal_visit *visit, void *user,
                            diag *d)
{
  fs_bytes bytes = {0};
  RAD_TRY(fs_map(j->path, 0, 0, &bytes, d));
  const rad_status s = read_lines(j, &bytes, skip, visit, user, d);
  fs_unmap(&bytes);
  return s;
}

rad_status journal_read(const char *path, journal_skip *skip, journal_visit *visit, void *user,
                        diag *d)
{
  journal j = {.fd = -1, .path = path};
  return read_file(&j, skip, visit, user, d);
}

rad_status journal_follow(journal *j, journal_visit *visit, void *user, diag *d)
{
  return read_file(j, NULL, visit, user, d);
}

rad_status journal_open(journal *j, const char *path, journal_visit *visit, void *user, diag *d)
{
  *j = (journal){.fd = -1, .path = path};
  if (fs_is_file(path))
    RAD_TRY(read_file(j, NULL, visit, user, d));
  j->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (j->fd < 0)
    return fail(j, "open it", d);
  if (ftruncate(j->fd, j->size) != 0)
    return fail(j, "cut off its last, half-written line", d);
  return RAD_OK;
}

void journal_close(journal *j)
{
  if (j->fd >= 0)
    close(j->fd);
  j->fd = -1;
}

void journal_begin(const journal *j, text *line, const char *event)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  text_clear(line);
  json_open(line, NULL, '{');
  json_uint(line, "seq", j->seq + 1);
  json_double(line, "time", (double)now.tv_sec + (double)(now.tv_nsec / 1000000) / 1000.0);
  json_text(line, "event", event);
}

rad_status journal_append(journal *j, text *line, bool sync, diag *d)
{
  json_close(line, '}');
  text_puts(line, "\n");
  if (line->failed)
    return RAD_ENOMEM;
  const rad_status s = fs_put(j->fd, line->s, line->n, j->path, d);
  if (s < 0) { /* no half line where the disk is full; where this fails, the next start cuts it */
    const int cut = ftruncate(j->fd, j->size);
    (void)cut;
    return s;
  }
  j->seq++;
  j->size += (off_t)line->n;
  if (sync && fsync(j->fd) != 0) /* never tried again: the system may have dropped the pages */
    return fail(j, "write it to the disk", d);
  return RAD_OK;
}
