/* SPDX-License-Identifier: BSD-3-Clause
 * tfrecord.h - event files of TensorBoard: records of
 *   u64 length, u32 masked CRC-32C of it, that many bytes, u32 masked CRC-32C of them,
 * all little endian. A record is an Event; the messages are in tensorflow's event.proto,
 * summary.proto, tensor.proto. */
#ifndef PLUGINS_LOGGER_TFRECORD_H
#define PLUGINS_LOGGER_TFRECORD_H
#include "../proto.h"
#include <math.h>

/* Castagnoli's polynomial, reflected; "123456789" gives e3069283. */
static inline uint32_t tfrecord_crc(const uint8_t *p, size_t n)
{
  static const uint32_t nibble[16] = {0x00000000u, 0x105ec76fu, 0x20bd8edeu, 0x30e349b1u,
                                      0x417b1dbcu, 0x5125dad3u, 0x61c69362u, 0x7198540du,
                                      0x82f63b78u, 0x92a8fc17u, 0xa24bb5a6u, 0xb21572c9u,
                                      0xc38d26c4u, 0xd3d3e1abu, 0xe330a81au, 0xf36e6f75u};
  uint32_t c = 0xffffffffu;
  for (size_t i = 0; i < n; i++) {
    c ^= p[i];
    c = c >> 4 ^ nibble[c & 15];
    c = c >> 4 ^ nibble[c & 15];
  }
  return ~c;
}

static inline void tfrecord_sum(proto *b, const uint8_t *p, size_t n)
{
  const uint32_t c = tfrecord_crc(p, n);
  proto_little(b, (c >> 15 | c << 17) + 0xa282ead8u, 4);
}

enum { TFRECORD_FRAME = 16 };
/* A record begins; then the members of its Event; then its end. One record in a buffer. */
static inline void tfrecord_begin(proto *b, double wall_time)
{
  proto_little(b, 0, 8); /* length and its sum: at the end */
  proto_little(b, 0, 4);
  proto_double(b, 1, wall_time);
}

static inline void tfrecord_end(proto *b)
{
  proto head = {.p = b->p, .cap = 12};
  if (b->full)
    return;
  proto_little(&head, b->n - 12, 8);
  tfrecord_sum(&head, b->p, 8);
  tfrecord_sum(b, b->p + 12, b->n - 12);
}

/* --- what is in it --- */
enum { TFRECORD_SCALAR = 1, TFRECORD_TENSOR = 2 };                              /* DataClass */
enum { TFRECORD_DT_FLOAT = 1, TFRECORD_DT_DOUBLE = 2, TFRECORD_DT_STRING = 7 }; /* DataType */

/* A Summary with one Value begins: Event.step, summary, value, tag, metadata; content of the
 * metadata, or NULL. */
typedef struct tfrecord_value {
  size_t summary, value;
} tfrecord_value;
static inline tfrecord_value tfrecord_open(proto *b, uint64_t step, const char *tag,
                                           const char *plugin, int data_class, const proto *content)
{
  tfrecord_value v;
  if (step > 0)
    proto_int(b, 2, (int64_t)step);
  v.summary = proto_open(b, 5);
  v.value = proto_open(b, 1);
  proto_text(b, 1, tag);
  const size_t metadata = proto_open(b, 9), data = proto_open(b, 1);
  proto_text(b, 1, plugin);
  if (content)
    proto_blob(b, 2, content->p, content->n);
  proto_close(b, data);
  if (data_class > 0)
    proto_int(b, 4, data_class);
  proto_close(b, metadata);
  return v;
}

static inline void tfrecord_close(proto *b, tfrecord_value v)
{
  proto_close(b, v.value);
  proto_close(b, v.summary);
}

/* TensorProto's type and shape (rank). */
static inline void tfrecord_shape(proto *b, int type, const size_t *dim, size_t rank)
{
  proto_int(b, 1, type);
  const size_t shape = proto_open(b, 2);
  for (size_t i = 0; i < rank; i++) {
    const size_t d = proto_open(b, 2);
    if (dim[i] > 0)
      proto_int(b, 1, (int64_t)dim[i]);
    proto_close(b, d);
  }
  proto_close(b, shape);
}

static inline void tfrecord_scalar(proto *b, uint64_t step, const char *tag, float x)
{
  const tfrecord_value v = tfrecord_open(b, step, tag, "scalars", TFRECORD_SCALAR, NULL);
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  const size_t tensor = proto_open(b, 8);
  tfrecord_shape(b, TFRECORD_DT_FLOAT, NULL, 0);
  proto_tag(b, 4, PROTO_LENGTH);
  proto_varint(b, sizeof bits);
  proto_little(b, bits, sizeof bits);
  proto_close(b, tensor);
  tfrecord_close(b, v);
}

static inline void tfrecord_text(proto *b, const char *tag, const char *markdown)
{
  const size_t one = 1;
  const tfrecord_value v = tfrecord_open(b, 0, tag, "text", TFRECORD_TENSOR, NULL);
  const size_t tensor = proto_open(b, 8);
  tfrecord_shape(b, TFRECORD_DT_STRING, &one, 1);
  proto_text(b, 8, markdown);
  proto_close(b, tensor);
  tfrecord_close(b, v);
}

/* --- histograms --- */
enum { TFRECORD_BINS = 30 };
typedef struct tfrecord_histogram {
  double lo, hi, count[TFRECORD_BINS];
  size_t n; /* finite values; the others are left out */
} tfrecord_histogram;

static inline void tfrecord_count(tfrecord_histogram *h, const float *w, size_t n)
{
  *h = (tfrecord_histogram){.lo = HUGE_VAL, .hi = -HUGE_VAL};
  for (size_t i = 0; i < n; i++)
    if (isfinite(w[i])) {
      h->lo = fmin(h->lo, (double)w[i]);
      h->hi = fmax(h->hi, (double)w[i]);
      h->n++;
    }
  for (size_t i = 0; i < n; i++)
    if (isfinite(w[i])) {
      const double at =
          h->hi > h->lo ? ((double)w[i] - h->lo) / (h->hi - h->lo) * TFRECORD_BINS : TFRECORD_BINS;
      h->count[at < TFRECORD_BINS ? (size_t)at : TFRECORD_BINS - 1]++;
    }
}

/* Rows of left edge, right edge, count. */
static inline void tfrecord_rows(proto *b, const tfrecord_histogram *h)
{
  const double step = (h->hi - h->lo) / TFRECORD_BINS;
  proto_tag(b, 4, PROTO_LENGTH);
  proto_varint(b, TFRECORD_BINS * 3 * sizeof(double));
  for (size_t k = 0; k < TFRECORD_BINS; k++) {
    const double row[3] = {h->lo + (double)k * step,
                           k + 1 < TFRECORD_BINS ? h->lo + (double)(k + 1) * step : h->hi,
                           h->count[k]};
    for (size_t i = 0; i < 3; i++) {
      uint64_t bits;
      memcpy(&bits, &row[i], sizeof bits);
      proto_little(b, bits, sizeof bits);
    }
  }
}

static inline void tfrecord_bars(proto *b, uint64_t step, const char *tag,
                                 const tfrecord_histogram *h)
{
  const size_t shape[] = {TFRECORD_BINS, 3};
  const tfrecord_value v = tfrecord_open(b, step, tag, "histograms", TFRECORD_TENSOR, NULL);
  const size_t tensor = proto_open(b, 8);
  tfrecord_shape(b, TFRECORD_DT_DOUBLE, shape, 2);
  tfrecord_rows(b, h);
  proto_close(b, tensor);
  tfrecord_close(b, v);
}
#endif
