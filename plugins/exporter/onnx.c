/* SPDX-License-Identifier: BSD-3-Clause
 * onnx.c - the network in inference, for onnxruntime and others: version 8 of the format, operator
 * set 13, a batch of any size. It takes samples as the first layer gets them, scaled, images
 * (N,C,H,W), and gives what the last layer does: logits, not probabilities.
 * github.com/onnx/onnx: onnx.proto */
#include "../proto.h"
#include <inttypes.h>
#include <rademacher/exporter.h>
#include <stdio.h>

typedef struct onnx {
  char unused;
} onnx;

enum { IR_VERSION = 8, OPSET = 13, ROOM = 512 };
enum { FLOAT = 1, INT64 = 7 };                        /* TensorProto.DataType */
enum { ATTR_FLOAT = 1, ATTR_INT = 2, ATTR_INTS = 7 }; /* AttributeProto.AttributeType */

/* GraphProto.node */
static void put_attribute(proto *b, const rad_attr *a)
{
  const size_t attribute = proto_open(b, 5);
  proto_text(b, 1, a->name);
  if (a->type == RAD_F32)
    proto_float(b, 2, a->f);
  if (a->type == RAD_I64)
    proto_int(b, 3, a->i[0]);
  for (uint32_t k = 0; a->type == RAD_LIST && k < a->n; k++)
    proto_int(b, 8, a->i[k]);
  proto_int(b, 20, a->type == RAD_F32 ? ATTR_FLOAT : a->type == RAD_I64 ? ATTR_INT : ATTR_INTS);
  proto_close(b, attribute);
}

static void put_node(proto *b, const rad_operation *o)
{
  const size_t node = proto_open(b, 1);
  for (uint32_t i = 0; i < o->nin; i++)
    proto_text(b, 1, o->in[i]);
  proto_text(b, 2, o->out);
  proto_text(b, 3, o->out);
  proto_text(b, 4, o->type);
  for (uint32_t i = 0; i < o->nattr; i++)
    put_attribute(b, &o->attr[i]);
  proto_close(b, node);
}

/* GraphProto.initializer */
static size_t bytes_of(const rad_array *a)
{
  return rad_count(&a->shape) * (a->type == RAD_I64 ? sizeof(int64_t) : sizeof(float));
}

static void put_constant(proto *b, const rad_array *a)
{
  const size_t tensor = proto_open(b, 5);
  for (size_t i = 0; i < a->shape.rank; i++)
    proto_int(b, 1, (int64_t)a->shape.dim[i]);
  proto_int(b, 2, a->type == RAD_I64 ? INT64 : FLOAT);
  proto_text(b, 8, a->name);
  proto_blob(b, 9, a->data, bytes_of(a));
  proto_close(b, tensor);
}

/* GraphProto.input, output: float, (batch, ...) */
static void put_value(proto *b, uint32_t field, const char *name, const rad_shape *s)
{
  const size_t value = proto_open(b, field);
  proto_text(b, 1, name);
  const size_t type = proto_open(b, 2), tensor = proto_open(b, 1);
  proto_int(b, 1, FLOAT);
  const size_t shape = proto_open(b, 2), batch = proto_open(b, 1);
  proto_text(b, 2, "batch");
  proto_close(b, batch);
  for (size_t i = 0; i < s->rank; i++) {
    const size_t dim = proto_open(b, 1);
    proto_int(b, 1, (int64_t)s->dim[i]);
    proto_close(b, dim);
  }
  proto_close(b, shape);
  proto_close(b, tensor);
  proto_close(b, type);
  proto_close(b, value);
}

static void put_graph(proto *b, const rad_export *x)
{
  const rad_graph *g = x->graph;
  const size_t graph = proto_open(b, 7);
  for (size_t i = 0; i < g->noperation; i++)
    put_node(b, g->operation[i]);
  proto_text(b, 2, x->experiment);
  for (size_t i = 0; i < g->nconstant; i++)
    put_constant(b, g->constant[i]);
  put_value(b, 11, g->input, &g->in);
  put_value(b, 12, g->output, &g->out);
  proto_close(b, graph);
}

static void put_property(proto *b, const char *key, const char *value)
{
  const size_t property = proto_open(b, 14);
  proto_text(b, 1, key);
  proto_text(b, 2, value);
  proto_close(b, property);
}

/* ModelProto */
static void put_model(proto *b, const rad_export *x)
{
  char number[32];
  proto_int(b, 1, IR_VERSION);
  proto_text(b, 2, "rademacher");
  put_graph(b, x);
  const size_t opset = proto_open(b, 8);
  proto_int(b, 2, OPSET);
  proto_close(b, opset);
  put_property(b, "arm", x->arm);
  snprintf(number, sizeof number, "%" PRIu64, x->trial);
  put_property(b, "trial", number);
  snprintf(number, sizeof number, "%" PRIu64, x->seed);
  put_property(b, "seed", number);
}

/* At most so many bytes. */
static size_t room_of(const rad_export *x)
{
  const rad_graph *g = x->graph;
  size_t n = 4 * ROOM + strlen(x->experiment) + strlen(x->arm) + strlen(g->input);
  for (size_t i = 0; i < g->noperation; i++) {
    const rad_operation *o = g->operation[i];
    n += ROOM + 3 * strlen(o->out) + o->nattr * ROOM;
    for (uint32_t k = 0; k < o->nin; k++)
      n += strlen(o->in[k]) + 16;
  }
  for (size_t i = 0; i < g->nconstant; i++)
    n += ROOM + strlen(g->constant[i]->name) + bytes_of(g->constant[i]);
  return n;
}

static rad_status write(rad_ctx *c, const void *self, const rad_export *x)
{
  const size_t room = room_of(x);
  proto b = {.cap = room};
  (void)self;
  if (room >= INT32_MAX)
    return rad_fail(c, RAD_EINVAL, "the network has more than the 2 GiB that ONNX takes");
  if (!(b.p = c->host->scratch(c, room)))
    return RAD_ENOMEM;
  put_model(&b, x);
  return b.full ? rad_fail(c, RAD_EINVAL, "the network did not fit")
                : c->host->append(c, NULL, b.p, b.n);
}

static const rad_exporter_ops ops = {.size = sizeof ops, .wants = RAD_WANTS_GRAPH, .write = write};
static const rad_plugin onnx_plugin = {RAD_PLUGIN(RAD_EXPORTER, "onnx", onnx, &ops), .needs = 1,
                                       .version = "1",
                                       .summary = "the network for onnxruntime and others",
                                       .reference = "github.com/onnx/onnx: onnx.proto"};
RAD_EXPORT(&onnx_plugin)
