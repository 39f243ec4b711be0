/* SPDX-License-Identifier: BSD-3-Clause
 * quote.h - text as a string of JSON (RFC 8259), UTF-8 as it is. */
#ifndef PLUGINS_QUOTE_H
#define PLUGINS_QUOTE_H
#include <stddef.h>
#include <string.h>

/* With its quotes; at most 6 strlen(s) + 2 bytes. Returns how many. */
static inline size_t quote(char *out, const char *s)
{
  static const char hex[] = "0123456789abcdef";
  size_t n = 0;
  out[n++] = '"';
  for (; *s; s++) {
    const unsigned char u = (unsigned char)*s;
    if (u < 0x20) {
      const char escaped[] = {'\\', 'u', '0', '0', hex[u >> 4], hex[u & 15]};
      memcpy(out + n, escaped, sizeof escaped);
      n += sizeof escaped;
      continue;
    }
    if (u == '"' || u == '\\')
      out[n++] = '\\';
    out[n++] = *s;
  }
  out[n++] = '"';
  return n;
}
#endif
