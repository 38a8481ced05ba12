/*
 * Who has which name: a table for each network, in a file that a daemon writes (src/network/dns/table.ts has its layout) and every shim
 * on that network maps. A change is a new file in place of the old one: a table is whole whenever the daemon dies. The mapping
 * keeps the inode of an old file, so that no new one can be taken for it.
 */
#include "names.h"
#include <sys/mman.h>
#include <sys/stat.h>

#define TABLES 256
#define TABLE_MAGIC 0x314d414eu /* NAM1 */

/* At the beginning of the file; offsets from there. Then `count` pairs of offsets, of a key and of its records, sorted by the key. */
struct table_header {
  uint32_t magic, count, network;
};

struct table {
  const char *path;
  const uint8_t *data; /* NULL when there is none */
  size_t size;
  dev_t device;
  ino_t inode;
};

static struct table tables[TABLES];
static uint32_t table_count;

/* What the operation said: a copy of its strings and numbers. */
static uint8_t *copy;
static size_t copy_size;
static struct strings link_names, link_targets; /* in lower case */
static const uint8_t *link_tables; /* the table that each link is for */
static struct strings search; /* in lower case */

static void unmap(struct table *table)
{
  if (table->data != NULL)
    munmap((void *)(uintptr_t)table->data, table->size);
  table->data = NULL;
}

/* Looks whether the file is another one by now. */
static void refresh(struct table *table)
{
  struct stat st;
  if (fstatat(AT_FDCWD, table->path, &st, AT_SYMLINK_NOFOLLOW) < 0) {
    unmap(table);
    return;
  }
  if (table->data != NULL && st.st_dev == table->device && st.st_ino == table->inode)
    return;
  unmap(table);
  CLOSE int fd = open(table->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (size_t)st.st_size < sizeof(struct table_header))
    return;
  const uint8_t *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED)
    return;
  *table = (struct table){ table->path, data, (size_t)st.st_size, st.st_dev, st.st_ino };
}

static bool read_header(const struct table *table, struct table_header *header)
{
  if (table->data == NULL)
    return false;
  memcpy(header, table->data, sizeof *header);
  return header->magic == TABLE_MAGIC && header->count <= (table->size - sizeof *header) / 8;
}

/* `size` bytes at an offset; NULL when they are not all there. */
static const uint8_t *at_offset(const struct table *table, uint32_t offset, size_t size)
{
  return offset <= table->size && table->size - offset >= size ? table->data + offset : NULL;
}

/* A text with its length in the byte before it. */
static bool read_text(const struct table *table, uint32_t offset, struct bytes *text)
{
  const uint8_t *length = at_offset(table, offset, 1);
  if (length == NULL || at_offset(table, offset + 1, *length) == NULL)
    return false;
  *text = (struct bytes){ *length, length + 1 };
  return true;
}

static int compare(const struct bytes *a, const uint8_t *b, size_t b_size)
{
  int order = memcmp(a->data, b, a->size < b_size ? a->size : b_size);
  return order != 0 ? order : a->size < b_size ? -1 : a->size > b_size;
}

/* A key is the type and the name; its records are their length in four bytes and the data of one after the other. */
static bool find_records(const struct table *table, uint16_t type, const uint8_t *name, size_t length, struct bytes *records)
{
  struct table_header header;
  uint8_t key[1 + MAX_NAME_TEXT];
  if (!read_header(table, &header))
    return false;
  key[0] = (uint8_t)type;
  memcpy(key + 1, name, length);
  for (uint32_t low = 0, high = header.count; low < high;) {
    uint32_t middle = low + (high - low) / 2;
    const uint8_t *entry = table->data + sizeof header + (size_t)middle * 8;
    struct bytes text;
    if (!read_text(table, u32_at(entry, 0), &text))
      return false;
    int order = compare(&text, key, length + 1);
    if (order < 0) {
      low = middle + 1;
    } else if (order > 0) {
      high = middle;
    } else {
      const uint8_t *size = at_offset(table, u32_at(entry, 1), 4);
      if (size == NULL || at_offset(table, u32_at(entry, 1) + 4, u32_at(size, 0)) == NULL)
        return false;
      *records = (struct bytes){ u32_at(size, 0), size + 4 };
      return true;
    }
  }
  return false;
}

static bool find_name(const struct table *table, uint16_t type, const uint8_t *name, size_t length, struct bytes *records)
{
  if (find_records(table, type, name, length, records))
    return true;
  if (type == TYPE_PTR)
    return false;
  struct bytes others;
  *records = (struct bytes){ 0, NULL };
  return find_records(table, TYPE_A, name, length, &others) || find_records(table, TYPE_AAAA, name, length, &others);
}

/* The name that a link's alias stands for; NULL for one that is none there. */
static const char *link_target(uint32_t table, const uint8_t *name, size_t length)
{
  const char *target = link_targets.first;
  FOR_EACH_STRING(alias, link_names) {
    if (u32_at(link_tables, alias_index) == table && strlen(alias) == length && memcmp(alias, name, length) == 0)
      return target;
    target = next_string(target);
  }
  return NULL;
}

static bool is_network(const struct table *table, const uint8_t *name, size_t length)
{
  struct table_header header;
  struct bytes text;
  return read_header(table, &header) && read_text(table, header.network, &text) && compare(&text, name, length) == 0;
}

/* With `network` empty on all of them. Links come before names, and hide them (Docker 28, Sandbox.ResolveName). */
static bool find_on(uint16_t type, const uint8_t *name, size_t length, const uint8_t *network, size_t network_length, struct bytes *records)
{
  for (int links = 1; links >= 0; links--) {
    for (uint32_t i = 0; i < table_count; i++) {
      const char *target = link_target(i, name, length);
      if ((target != NULL) != links || (network_length > 0 && !is_network(&tables[i], network, network_length)))
        continue;
      if (links ? find_name(&tables[i], type, (const uint8_t *)target, strlen(target), records) : find_name(&tables[i], type, name, length, records))
        return true;
    }
  }
  return false;
}

bool names_find(uint16_t type, const uint8_t *name, size_t length, struct bytes *records)
{
  for (uint32_t i = 0; i < table_count; i++)
    refresh(&tables[i]);
  if (find_on(type, name, length, NULL, 0, records))
    return true;
  /* `a.b.c` may be `a.b` on network `c`, or `a` on network `b.c`: both may have dots. */
  for (size_t dot = length; type != TYPE_PTR && dot-- > 1;)
    if (name[dot] == '.' && find_on(type, name, dot, name + dot + 1, length - dot - 1, records))
      return true;
  return false;
}

bool names_strip_search(struct name_query *query)
{
  struct bytes records;
  FOR_EACH_STRING(domain, search) {
    size_t size = strlen(domain), before = query->name_length > size ? query->name_length - size - 1u : 0;
    if (before == 0 || query->name[before] != '.' || memcmp(query->name + before + 1, domain, size) != 0 || !names_find(TYPE_A, query->name, before, &records))
      continue;
    query->name_length = (uint8_t)before;
    return true;
  }
  return false;
}

/* ---- configuration ---------------------------------------------------------------------------------------------------- */

static size_t size_of(const struct strings *strings)
{
  size_t size = 0;
  FOR_EACH_STRING(s, *strings)
    size += strlen(s) + 1;
  return size;
}

static struct strings copy_strings(uint8_t **at, const struct strings *from)
{
  size_t size = size_of(from);
  struct strings to = { from->count, (const char *)*at };
  if (size > 0)
    memcpy(*at, from->first, size);
  *at += size;
  return to;
}

static bool targets_fit(const struct op_name_service *op)
{
  FOR_EACH_STRING(target, op->link_targets)
    if (strlen(target) > MAX_NAME_TEXT)
      return false;
  return op->link_names.count == op->link_targets.count && op->link_names.count == op->link_tables.count && op->tables.count <= TABLES;
}

int names_configure(const struct op_name_service *op)
{
  if (!targets_fit(op))
    return -EINVAL;
  size_t numbers = (size_t)op->link_tables.count * 4;
  size_t size = numbers + size_of(&op->tables) + size_of(&op->link_names) + size_of(&op->link_targets) + size_of(&op->search);
  uint8_t *fresh = pages_alloc(size > 0 ? size : 1), *at = fresh;
  if (fresh == NULL)
    return -ENOMEM;
  for (uint32_t i = 0; i < table_count; i++)
    unmap(&tables[i]);
  pages_free(copy, copy_size);
  copy = fresh;
  copy_size = size > 0 ? size : 1;
  if (numbers > 0)
    memcpy(at, op->link_tables.data, numbers);
  link_tables = at;
  at += numbers;
  struct strings paths = copy_strings(&at, &op->tables);
  link_names = copy_strings(&at, &op->link_names);
  link_targets = copy_strings(&at, &op->link_targets);
  search = copy_strings(&at, &op->search);
  table_count = paths.count;
  FOR_EACH_STRING(path, paths)
    tables[path_index] = (struct table){ .path = path };
  return names_set_servers(&op->servers, op->flags);
}
