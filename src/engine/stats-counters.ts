/** Which lines of `memory.stat` Docker shows, in its order: that of Go's maps (moby daemon/stats_unix.go). */

const v1Own = [
  'active_anon', 'active_file', 'cache', 'dirty', 'inactive_anon', 'inactive_file', 'mapped_file', 'pgfault', 'pgmajfault', 'pgpgin',
  'pgpgout', 'rss', 'rss_huge', 'unevictable', 'writeback',
];

export const v1MemoryCounters: readonly string[] = [
  ...v1Own, ...v1Own.map((name) => `total_${name}`), 'hierarchical_memory_limit', 'hierarchical_memsw_limit',
].sort();

export const v2MemoryCounters: readonly string[] = [
  'active_anon', 'active_file', 'anon', 'anon_thp', 'file', 'file_dirty', 'file_mapped', 'file_writeback', 'inactive_anon',
  'inactive_file', 'kernel_stack', 'pgactivate', 'pgdeactivate', 'pgfault', 'pglazyfree', 'pglazyfreed', 'pgmajfault', 'pgrefill',
  'pgscan', 'pgsteal', 'shmem', 'slab', 'slab_reclaimable', 'slab_unreclaimable', 'sock', 'thp_collapse_alloc', 'thp_fault_alloc',
  'unevictable', 'workingset_activate', 'workingset_nodereclaim', 'workingset_refault',
];
