/** Interfaces of a host that lead to others, for networks over a parent. */

/** Shell for `EngineOptions.prepare` that makes them, each with its other end `farNAME`, both up. */
export const withParents = (...names: readonly string[]): string => names.map((name) =>
  `"$0" ip link add ${name} type veth; other=$("$0" ip -o link | "$0" sed -n 's/.* \\(veth[0-9]*\\)@.*/\\1/p'); "$0" ip link set $other name far${name}; "$0" ip link set ${name} up; "$0" ip link set far${name} up`).join('; ');
