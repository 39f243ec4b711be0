/* SPDX-License-Identifier: BSD-3-Clause
 * proto.h - writes messages of Protocol Buffers (wire format of version 3) into memory that the
 * caller has: what TensorBoard and ONNX files are made of. Numbers are field numbers. Members that
 * are 0 or empty are left to the caller to leave out.
 * https://protobuf.dev/programming-guides/encoding */
#ifndef PLUGINS_PROTO_H
#define PLUGINS_PROTO_H
#include <rademacher/abi.h>
#include <string.h>

typedef struct proto {
  uint8_t *p; /* (cap) */
  size_t n, cap;
  bool full; /* sticky: something did not fit */
} proto;

static inline void proto_bytes(proto *b, const void *from, size_t n)
{
  b->full = b->full || n > b->cap - b->n;
  if (b->full || n == 0)
    return;
  memcpy(b->p + b->n, from, n);
  b->n += n;
}

/* The n lowest bytes of v, the lowest first. */
static inline void proto_little(proto *b, uint64_t v, size_t n)
{
  uint8_t out[8];
  for (size_t i = 0; i < n; i++)
    out[i] = (uint8_t)(v >> (8 * i));
  proto_bytes(b, out, n);
}

static inline size_t proto_varint_of(uint8_t out[10], uint64_t v)
{
  size_t n = 0;
  for (; v > 0x7f; v >>= 7)
    out[n++] = (uint8_t)(v | 0x80);
  out[n++] = (uint8_t)v;
  return n;
}

static inline void proto_varint(proto *b, uint64_t v)
{
  uint8_t out[10];
  proto_bytes(b, out, proto_varint_of(out, v));
}

enum { PROTO_VARINT, PROTO_64, PROTO_LENGTH, PROTO_32 = 5 };
static inline void proto_tag(proto *b, uint32_t field, uint32_t type)
{
  proto_varint(b, field << 3 | type);
}

static inline void proto_int(proto *b, uint32_t field, int64_t v)
{
  proto_tag(b, field, PROTO_VARINT);
  proto_varint(b, (uint64_t)v);
}

static inline void proto_double(proto *b, uint32_t field, double v)
{
  uint64_t bits;
  memcpy(&bits, &v, sizeof bits);
  proto_tag(b, field, PROTO_64);
  proto_little(b, bits, sizeof bits);
}

static inline void proto_float(proto *b, uint32_t field, float v)
{
  uint32_t bits;
  memcpy(&bits, &v, sizeof bits);
  proto_tag(b, field, PROTO_32);
  proto_little(b, bits, sizeof bits);
}

static inline void proto_blob(proto *b, uint32_t field, const void *from, size_t n)
{
  proto_tag(b, field, PROTO_LENGTH);
  proto_varint(b, n);
  proto_bytes(b, from, n);
}

static inline void proto_text(proto *b, uint32_t field, const char *s)
{
  proto_blob(b, field, s, strlen(s));
}

/* A message within a message: its content goes between these. Room for the longest length is kept,
 * and given back once the length is known. */
enum { PROTO_ROOM = 10 };
static inline size_t proto_open(proto *b, uint32_t field)
{
  static const uint8_t room[PROTO_ROOM] = {0};
  proto_tag(b, field, PROTO_LENGTH);
  proto_bytes(b, room, PROTO_ROOM);
  return b->n;
}

static inline void proto_close(proto *b, size_t opened)
{
  uint8_t length[10];
  if (b->full)
    return;
  const size_t n = proto_varint_of(length, b->n - opened);
  memmove(b->p + opened - PROTO_ROOM + n, b->p + opened, b->n - opened);
  memcpy(b->p + opened - PROTO_ROOM, length, n);
  b->n -= PROTO_ROOM - n;
}
#endif
