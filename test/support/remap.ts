/**
 * Shell for `prepare`, and then `--userns-remap mapped`: a user of that name with a range of ids. They are taken from /etc/subuid and
 * /etc/subgid as every engine reads them, here of its own mount namespace.
 */
export const remapPrepare = [
  'printf "mapped:x:700000:700000::/:/bin/false\\n" | cat /etc/passwd - > $scratch/passwd && mount --bind $scratch/passwd /etc/passwd',
  'printf "mapped:x:700000:\\n" | cat /etc/group - > $scratch/group && mount --bind $scratch/group /etc/group',
  'for f in subuid subgid; do touch /etc/$f 2>/dev/null; echo mapped:700000:65536 > $scratch/$f; mount --bind $scratch/$f /etc/$f; done',
].join('; ');
