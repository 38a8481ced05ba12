/*
 * Reading and writing the encoding of src/runtime/plan/codec.ts. Values are read in place: strings point into the message,
 * which outlives them. Every length is checked against the end, and every string against a NUL inside it.
 */
#pragma once
#include "util.h"

struct reader {
  const uint8_t *at, *end;
};

struct strings {
  uint32_t count;
  const char *first; /* the next one begins behind the NUL of the one before */
};

struct bytes {
  uint32_t size;
  const uint8_t *data;
};

struct u32s {
  uint32_t count;
  const uint8_t *data; /* unaligned: read with u32_at */
};

static inline size_t reader_left(const struct reader *r)
{
  return (size_t)(r->end - r->at);
}

static inline bool take_raw(struct reader *r, void *out, size_t size)
{
  if (reader_left(r) < size)
    return false;
  memcpy(out, r->at, size);
  r->at += size;
  return true;
}

static inline bool take_u32(struct reader *r, uint32_t *v)
{
  return take_raw(r, v, sizeof *v);
}

static inline bool take_i32(struct reader *r, int32_t *v)
{
  return take_raw(r, v, sizeof *v);
}

static inline bool take_u64(struct reader *r, uint64_t *v)
{
  return take_raw(r, v, sizeof *v);
}

static inline bool take_string(struct reader *r, const char **v)
{
  uint32_t length;
  if (!take_u32(r, &length) || reader_left(r) < (size_t)length + 1)
    return false;
  *v = (const char *)r->at;
  r->at += (size_t)length + 1;
  return strnlen(*v, (size_t)length + 1) == length;
}

static inline bool take_strings(struct reader *r, struct strings *v)
{
  uint32_t size, terminators = 0;
  if (!take_u32(r, &v->count) || !take_u32(r, &size) || reader_left(r) < size)
    return false;
  v->first = (const char *)r->at;
  for (uint32_t i = 0; i < size; i++)
    terminators += r->at[i] == 0;
  if (terminators != v->count || (size > 0 && r->at[size - 1] != 0))
    return false;
  r->at += size;
  return true;
}

static inline bool take_bytes(struct reader *r, struct bytes *v)
{
  if (!take_u32(r, &v->size) || reader_left(r) < v->size)
    return false;
  v->data = r->at;
  r->at += v->size;
  return true;
}

static inline bool take_u32s(struct reader *r, struct u32s *v)
{
  if (!take_u32(r, &v->count) || reader_left(r) / 4 < v->count)
    return false;
  v->data = r->at;
  r->at += (size_t)v->count * 4;
  return true;
}

static inline uint32_t u32_at(const uint8_t *data, uint32_t index)
{
  uint32_t value;
  memcpy(&value, data + (size_t)index * 4, sizeof value);
  return value;
}

/* The string behind `s` in its list. */
static inline const char *next_string(const char *s)
{
  return s + strlen(s) + 1;
}

#define FOR_EACH_STRING(s, list) \
  const char *s = (list).first; \
  for (uint32_t s##_index = 0; s##_index < (list).count; s##_index++, s = next_string(s))

struct writer {
  uint8_t *at, *end;
  bool overflow;
};

static inline void put_raw(struct writer *w, const void *data, size_t size)
{
  if ((size_t)(w->end - w->at) < size) {
    w->overflow = true;
    return;
  }
  if (size > 0)
    memcpy(w->at, data, size);
  w->at += size;
}

static inline void put_u32(struct writer *w, uint32_t v)
{
  put_raw(w, &v, sizeof v);
}

static inline void put_i32(struct writer *w, int32_t v)
{
  put_raw(w, &v, sizeof v);
}

static inline void put_u64(struct writer *w, uint64_t v)
{
  put_raw(w, &v, sizeof v);
}

static inline void put_bytes(struct writer *w, struct bytes v)
{
  put_u32(w, v.size);
  put_raw(w, v.data, v.size);
}

static inline void put_string(struct writer *w, const char *v)
{
  uint32_t length = (uint32_t)strlen(v);
  put_u32(w, length);
  put_raw(w, v, (size_t)length + 1);
}

static inline void put_strings(struct writer *w, struct strings v)
{
  uint32_t size = 0;
  const char *at = v.first;
  for (uint32_t i = 0; i < v.count; i++)
    size += (uint32_t)strlen(at + size) + 1;
  put_u32(w, v.count);
  put_u32(w, size);
  put_raw(w, v.first, size);
}

static inline void put_u32s(struct writer *w, struct u32s v)
{
  put_u32(w, v.count);
  put_raw(w, v.data, (size_t)v.count * 4);
}
