/* SPDX-License-Identifier: BSD-3-Clause
 * fs_read.c - whole files: mapped, or unpacked where they are gzip (RFC 1952); checksums. */
#include "fs.h"
#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static rad_status failed(diag *d, const char *what, const char *path)
{
  return diag_error(d, RAD_EIO, (origin){0}, "cannot %s %s: %s", what, path, strerror(errno));
}

static rad_status bad(diag *d, const char *path, const char *what)
{
  return diag_error(d, RAD_EINVAL, (origin){0}, "%s: %s", path, what);
}

/* --- gzip --- */
typedef struct unpack {
  z_stream z;
  const uint8_t *in;
  uint8_t *out;
  size_t nin, cap, n, limit; /* nin: not yet given to zlib; n of cap bytes are unpacked */
} unpack;

/* Room for more: at least doubled, never beyond limit + 1 (the byte that shows an excess). */
static rad_status more_room(unpack *u, const char *path, diag *d)
{
  if (u->n > u->limit)
    return diag_error(d, RAD_EINVAL, (origin){0}, "%s unpacks to more than %zu bytes", path,
                      u->limit);
  size_t cap;
  if (!size_mul(u->cap, 2, &cap) || cap > u->limit)
    cap = u->limit < SIZE_MAX ? u->limit + 1 : SIZE_MAX;
  uint8_t *out = realloc(u->out, cap);
  if (!out)
    return diag_error(d, RAD_ENOMEM, (origin){0}, "no memory to unpack %s", path);
  u->out = out;
  u->cap = cap;
  return RAD_OK;
}

static size_t at_most(size_t n) /* zlib counts in uInt */
{
  return n < (1u << 30) ? n : 1u << 30;
}

/* One call of inflate; *end: a member has ended. */
static rad_status step(unpack *u, bool *end, const char *path, diag *d)
{
  const size_t give = at_most(u->nin), room = at_most(u->cap - u->n);
  union { /* zlib's next_in is not const everywhere, but only read */
    const uint8_t *c;
    Bytef *p;
  } in = {.c = u->in};
  u->z.next_in = in.p;
  u->z.avail_in = (uInt)give;
  u->z.next_out = u->out + u->n;
  u->z.avail_out = (uInt)room;
  const int r = inflate(&u->z, Z_NO_FLUSH);
  u->in += give - u->z.avail_in;
  u->nin -= give - u->z.avail_in;
  u->n += room - u->z.avail_out;
  *end = r == Z_STREAM_END;
  if (r == Z_MEM_ERROR)
    return diag_error(d, RAD_ENOMEM, (origin){0}, "no memory to unpack %s", path);
  if (r == Z_DATA_ERROR || r == Z_NEED_DICT)
    return diag_error(d, RAD_EINVAL, (origin){0}, "%s is a damaged gzip file: %s", path,
                      u->z.msg ? u->z.msg : "invalid data");
  return RAD_OK;
}

/* All members one after the other: `cat a.gz b.gz` is a legal gzip file. */
static rad_status inflate_all(unpack *u, const char *path, diag *d)
{
  for (;;) {
    bool end;
    if (u->n == u->cap)
      RAD_TRY(more_room(u, path, d));
    RAD_TRY(step(u, &end, path, d));
    if (u->n > u->limit)
      return more_room(u, path, d); /* which says so */
    if (end && u->nin == 0)
      return RAD_OK;
    if (end && !(u->nin >= 2 && u->in[0] == 0x1f && u->in[1] == 0x8b))
      return bad(d, path, "there is something behind the end of the gzip data");
    if (end && inflateReset(&u->z) != Z_OK)
      return bad(d, path, "zlib failed");
    if (!end && u->nin == 0 && u->n < u->cap)
      return bad(d, path, "the gzip file is truncated: get it again");
  }
}

static rad_status gunzip(const fs_bytes *packed, size_t limit, fs_bytes *out, const char *path,
                         diag *d)
{
  unpack u = {.in = packed->p, .nin = packed->n, .limit = limit ? limit : SIZE_MAX};
  if (!size_mul(packed->n, 4, &u.cap) || u.cap > u.limit)
    u.cap = u.limit < SIZE_MAX ? u.limit + 1 : packed->n;
  u.cap = u.cap > 0 ? u.cap : 1;
  u.out = malloc(u.cap);
  if (!u.out)
    return diag_error(d, RAD_ENOMEM, (origin){0}, "no memory to unpack %s", path);
  if (inflateInit2(&u.z, 15 + 16) != Z_OK) { /* + 16: gzip with its checksums, nothing else */
    free(u.out);
    return diag_error(d, RAD_ENOMEM, (origin){0}, "no memory to unpack %s", path);
  }
  const rad_status s = inflate_all(&u, path, d);
  inflateEnd(&u.z);
  if (s < 0) {
    free(u.out);
    return s;
  }
  uint8_t *exact = realloc(u.out, u.n > 0 ? u.n : 1);
  *out = (fs_bytes){.p = exact ? exact : u.out, .n = u.n};
  return RAD_OK;
}

/* --- files --- */
/* Opens a regular file; *n: its size. */
static rad_status open_file(const char *path, int *fd, size_t *n, diag *d)
{
  struct stat st;
  *fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a FIFO must not block */
  if (*fd < 0)
    return failed(d, "open", path);
  rad_status s = RAD_OK;
  if (fstat(*fd, &st) < 0)
    s = failed(d, "read", path);
  else if (S_ISDIR(st.st_mode))
    s = bad(d, path, "is a directory, not a file");
  else if (!S_ISREG(st.st_mode))
    s = bad(d, path, "is not a regular file");
  else if ((uintmax_t)st.st_size > SIZE_MAX)
    s = bad(d, path, "is larger than the address space");
  if (s < 0)
    close(*fd);
  else
    *n = (size_t)st.st_size;
  return s;
}

rad_status fs_map(const char *path, unsigned flags, size_t limit, fs_bytes *out, diag *d)
{
  *out = (fs_bytes){0};
  int fd;
  fs_bytes b = {0};
  RAD_TRY(open_file(path, &fd, &b.n, d));
  if (b.n == 0) { /* cannot be mapped */
    close(fd);
    if (!(b.p = calloc(1, 1)))
      return diag_error(d, RAD_ENOMEM, (origin){0}, "out of memory");
    *out = b;
    return RAD_OK;
  }
  b.mapping = mmap(NULL, b.n, PROT_READ, MAP_PRIVATE, fd, 0);
  rad_status s = b.mapping == MAP_FAILED ? failed(d, "map", path) : RAD_OK;
  close(fd);
  if (s < 0)
    return s;
  b.p = b.mapping;
  const bool packed = flags & FS_GUNZIP && b.n >= 2 && b.p[0] == 0x1f && b.p[1] == 0x8b;
  if (!packed) {
    *out = b;
    return RAD_OK;
  }
  s = gunzip(&b, limit, out, path, d);
  fs_unmap(&b);
  return s;
}

void fs_unmap(fs_bytes *b)
{
  union { /* what was allocated here is ours to free */
    const uint8_t *c;
    void *p;
  } own = {.c = b->p};
  if (b->mapping)
    munmap(b->mapping, b->n);
  else
    free(own.p);
  *b = (fs_bytes){0};
}

/* --- checksums --- */
static void to_hex(const uint8_t digest[SHA256_DIGEST_LENGTH], char hex[65])
{
  static const char digit[] = "0123456789abcdef";
  for (size_t i = 0; i < SHA256_DIGEST_LENGTH; i++) {
    hex[2 * i] = digit[digest[i] >> 4];
    hex[2 * i + 1] = digit[digest[i] & 15];
  }
  hex[64] = '\0';
}

void fs_sha256(const void *bytes, size_t n, char hex[65])
{
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA2_CTX c;
  SHA256Init(&c);
  SHA256Update(&c, bytes, n);
  SHA256Final(digest, &c);
  to_hex(digest, hex);
}

rad_status fs_sha256_file(const char *path, char hex[65], diag *d)
{
  fs_bytes b;
  RAD_TRY(fs_map(path, 0, 0, &b, d));
  fs_sha256(b.p, b.n, hex);
  fs_unmap(&b);
  return RAD_OK;
}
