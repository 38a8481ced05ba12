/*
 * Has libseccomp make a filter, to compare with: loads it at run time, so that it need not be there to build.
 * Usage: libseccomp OPTIMIZE OUTPUT < RULES. OPTIMIZE is libseccomp's SCMP_FLTATR_CTL_OPTIMIZE: 1 the list, 2 its tree.
 * Each rule is a line: name action count, then for each comparison: index operator value value.
 * Exits 3 when there is no libseccomp.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct comparison {
  unsigned int index;
  int operator;
  uint64_t first, second;
};

int main(int argc, char **argv)
{
  if (argc != 3) return 2;
  void *library = dlopen("libseccomp.so.2", RTLD_NOW);
  if (library == NULL) return 3;
  void *(*init)(uint32_t) = (void *(*)(uint32_t))dlsym(library, "seccomp_init");
  int (*arch_add)(void *, uint32_t) = (int (*)(void *, uint32_t))dlsym(library, "seccomp_arch_add");
  int (*attr_set)(void *, int, uint32_t) = (int (*)(void *, int, uint32_t))dlsym(library, "seccomp_attr_set");
  int (*resolve)(const char *) = (int (*)(const char *))dlsym(library, "seccomp_syscall_resolve_name");
  int (*rule_add)(void *, uint32_t, int, unsigned int, const struct comparison *) =
    (int (*)(void *, uint32_t, int, unsigned int, const struct comparison *))dlsym(library, "seccomp_rule_add_array");
  int (*export_bpf)(void *, int) = (int (*)(void *, int))dlsym(library, "seccomp_export_bpf");

  const uint32_t refuse = 0x00050001, i386 = 0x40000003, x32 = 0x4000003e;
  void *filter = init(refuse);
  if (filter == NULL || arch_add(filter, i386) < 0 || arch_add(filter, x32) < 0) return 1;
  const int control_optimize = 8;
  if (attr_set(filter, control_optimize, (uint32_t)atoi(argv[1])) < 0) return 3;

  char name[64];
  uint32_t action;
  unsigned int count;
  while (scanf("%63s %u %u", name, &action, &count) == 3) {
    struct comparison comparisons[6];
    for (unsigned int i = 0; i < count && i < 6; i++) {
      struct comparison *one = &comparisons[i];
      if (scanf("%u %d %lu %lu", &one->index, &one->operator, &one->first, &one->second) != 4) return 1;
    }
    int number = resolve(name);
    if (number == -1 || action == refuse) continue;
    rule_add(filter, action, number, count, comparisons);
  }
  int fd = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  return fd < 0 || export_bpf(filter, fd) < 0 ? 1 : 0;
}
