#include "plan.h"

int do_copy_up(struct runner *run, const struct op_copy_up *op)
{
  return about(run, op->source, -ENOSYS);
}
