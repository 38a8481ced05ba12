#include "plan.h"

void runner_init(struct runner *run)
{
  memset(run, 0, offsetof(struct runner, object_text));
  memset(&run->slots, 0xff, sizeof run->slots);
  memset(&run->own_namespaces, 0xff, sizeof run->own_namespaces);
  run->join_count = 0;
  run->written = "";
  run->written_fd = -1;
  run->child = 0;
  run->container = run->status = run->root = -1;
  run->progress = NULL;
  run->pivoted = run->umask_set = false;
  run->stdio = 0;
}

void runner_close(struct runner *run)
{
  for (int i = 0; i < SLOTS; i++)
    close_fd(&run->slots[i]);
  for (int i = 0; i < run->join_count; i++)
    close_fd(&run->joins[i]);
  for (int i = 0; i < NAMESPACE_KINDS; i++)
    close_fd(&run->own_namespaces[i]);
  run->join_count = 0;
  close_fd(&run->written_fd);
}

bool section_read(struct section *section, struct reader *r)
{
  uint32_t size;
  if (!take_u32(r, &section->count) || !take_u32(r, &size) || reader_left(r) < size)
    return false;
  section->start = r->at;
  section->end = r->at += size;
  return true;
}

/* The next operation of a section: its code, and a reader over just its fields. */
static bool take_operation(struct reader *section, uint32_t *code, struct reader *fields)
{
  uint32_t size;
  if (!take_u32(section, code) || !take_u32(section, &size) || reader_left(section) < size)
    return false;
  *fields = (struct reader){ section->at, section->at + size };
  section->at += size;
  return true;
}

static bool operation_reads(uint32_t code, struct reader *fields)
{
  switch (code) {
#define X(name) \
  case OP_##name: { \
    struct op_##name op; \
    return decode_op_##name(fields, &op); \
  }
    PLAN_OPERATIONS(X)
#undef X
  default:
    return false;
  }
}

/* Whether every operation can be carried out as it was meant, seen before the first is: one left out of `release` would leak. */
static bool section_reads(const struct section *section)
{
  struct reader r = { section->start, section->end }, fields;
  uint32_t code;
  for (uint32_t i = 0; i < section->count; i++)
    if (!take_operation(&r, &code, &fields) || !operation_reads(code, &fields))
      return false;
  return r.at == r.end;
}

bool plan_read(struct plan *plan, const uint8_t *data, size_t size)
{
  struct reader r = { data, data + size };
  uint32_t magic, version;
  return take_u32(&r, &magic) && magic == PLAN_MAGIC
      && take_u32(&r, &version) && version == PLAN_VERSION
      && section_read(&plan->prepare, &r)
      && section_read(&plan->clone, &r)
      && section_read(&plan->init, &r)
      && section_read(&plan->host, &r)
      && section_read(&plan->release, &r)
      && r.at == r.end
      && section_reads(&plan->prepare) && section_reads(&plan->init) && section_reads(&plan->host) && section_reads(&plan->release);
}

bool clone_read(const struct section *section, struct op_clone *clone)
{
  struct reader r = { section->start, section->end }, fields;
  uint32_t code;
  return section->count == 1 && take_operation(&r, &code, &fields) && code == OP_clone && decode_op_clone(&fields, clone);
}

static int operation_run(struct runner *run, uint32_t code, struct reader *fields)
{
  switch (code) {
#define X(name) \
  case OP_##name: { \
    struct op_##name op = { 0 }; \
    return decode_op_##name(fields, &op) ? do_##name(run, &op) : -EBADMSG; \
  }
    PLAN_OPERATIONS(X)
#undef X
  default:
    return -ENOSYS;
  }
}

int section_run(struct runner *run, const struct section *section, int32_t *index)
{
  struct reader r = { section->start, section->end }, fields;
  for (uint32_t i = 0; i < section->count; i++) {
    uint32_t code;
    *index = (int32_t)i;
    run->object = "";
    if (run->progress != NULL)
      run->progress->index = *index;
    if (!take_operation(&r, &code, &fields))
      return -EBADMSG;
    int error = operation_run(run, code, &fields);
    if (error < 0)
      return error;
  }
  return 0;
}

void section_run_all(struct runner *run, struct section *section)
{
  struct reader r = { section->start, section->end }, fields;
  uint32_t code;
  while (section->count > 0 && take_operation(&r, &code, &fields)) {
    section->count--;
    section->start = r.at;
    if (code == OP_released)
      return;
    operation_run(run, code, &fields);
  }
}

/* `clone` has a section of its own, which the shim executes itself (process.c). */
int do_clone(struct runner *run, const struct op_clone *op)
{
  (void)run;
  (void)op;
  return -EINVAL;
}

/* A mark, at which `section_run_all` stops. */
int do_released(struct runner *run, const struct op_released *op)
{
  (void)run;
  (void)op;
  return -EINVAL;
}
