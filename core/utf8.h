/* SPDX-License-Identifier: BSD-3-Clause
 * utf8.h - well-formed UTF-8 (RFC 3629: shortest form, no surrogates, at most U+10FFFF). */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H
#include <stddef.h>

/* Bytes of the character that starts s[0..n), 1 to 4; 0: n is 0, or it is ill-formed. */
static inline size_t utf8_length(const char *s, size_t n)
{
  const unsigned char *const b = (const unsigned char *)s;
  const size_t len = n == 0        ? 0
                     : b[0] < 0x80 ? 1
                     : b[0] < 0xC2 ? 0
                     : b[0] < 0xE0 ? 2
                     : b[0] < 0xF0 ? 3
                     : b[0] < 0xF5 ? 4
                                   : 0;
  if (len > n)
    return 0;
  for (size_t i = 1; i < len; i++)
    if ((b[i] & 0xC0) != 0x80)
      return 0;
  if ((b[0] == 0xE0 && b[1] < 0xA0) || (b[0] == 0xED && b[1] > 0x9F) ||
      (b[0] == 0xF0 && b[1] < 0x90) || (b[0] == 0xF4 && b[1] > 0x8F))
    return 0;
  return len;
}
#endif
