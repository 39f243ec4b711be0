/* SPDX-License-Identifier: BSD-3-Clause
 * safetensors.h - named tensors in a file: u64 header length, JSON header, data. Strict reader:
 * lengths, shapes and offsets are checked against the file before anything is used.
 * https://github.com/huggingface/safetensors */
#ifndef CORE_SAFETENSORS_H
#define CORE_SAFETENSORS_H
#include "fs.h"

typedef struct st_tensor {
  const char *name;
  uint32_t type; /* rad_type: F32, F64, BF16, U8, I32, I64 */
  rad_shape shape;
  const void *data;
  size_t bytes;
  rad_status (*make)(const void *of, void *out); /* instead of data in st_write: makes out (bytes),
                                                  * the same each time */
  const void *of;
} st_tensor;
typedef struct st_file {
  st_tensor *tensor; /* (n) in file order */
  size_t n;
  const char **key, **value; /* (nmeta) of __metadata__ */
  size_t nmeta;
  fs_bytes bytes;
  arena mem;
} st_file;
rad_status st_read(st_file *, const char *path, diag *);
void st_free(st_file *);
const st_tensor *st_find(const st_file *, const char *name);
const char *st_meta(const st_file *, const char *key); /* NULL: not there */
/* Atomic. Entries are written in order of descending alignment, then as given. */
rad_status st_write(const char *path, const st_tensor *, size_t n, const char *const *key,
                    const char *const *value, size_t nmeta, diag *);
#endif
