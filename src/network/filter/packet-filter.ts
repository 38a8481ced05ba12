/**
 * The engine's table in the packet filter of the network namespace that the daemon runs in (docs/packet-filter.md). What is in it is
 * compared with what ought to be, and put right in one transaction. Ports of containers are added and taken away by their shims, with
 * messages made here, so that they do not need the daemon.
 */
import { createHash } from 'node:crypto';
import { NetlinkSocket } from '../../linux/ffi/netlink.ts';
import { netlinkFamily, type NetlinkMessage } from '../../linux/netlink/message.ts';
import * as nft from '../../linux/netlink/nftables.ts';
import { elementText, fulfils, receivedElements, receivedGeneration, receivedName } from '../../linux/netlink/nftables-read.ts';
import { guardElements, networkElements, portElements, type FilterNetwork, type FilteredPort, type SetElements } from './elements.ts';
import { chains, sets } from './table.ts';

/** All that varies in the table. */
export interface FilterState {
  readonly networks: readonly FilterNetwork[];
  readonly ports: readonly FilteredPort[];
  /** Ports that are right both ways, there or not: others are about to publish them or to take them back. */
  readonly unsettled?: readonly FilteredPort[];
  /** Families that were not forwarded before the engine came (forwarding.ts): for others they still are not. */
  readonly guarded: readonly (4 | 6)[];
}

/** What `ensure` found: the table as it ought to be; some elements too many or too few; no table, or another one. */
export type Finding = 'whole' | 'elements' | 'missing' | 'different';

/** Tells the engine's tables of different versions apart when somebody looks at them. */
const tableNote = (): Uint8Array => Buffer.from(`caisson ${createHash('sha256').update(JSON.stringify({ chains, sets })).digest('hex').slice(0, 16)}`);

export class PacketFilter {
  readonly #table: string;
  #opened: NetlinkSocket | undefined;
  /** Of the ruleset, as of the last `ensure` and with what others have done since that was expected of them. */
  #generation: number | undefined;
  /** Transactions that are expected, and may or may not have been made. */
  #expected = 0;

  /** `table`: its name, this engine's alone. */
  constructor(table: string) {
    this.#table = table;
  }

  /** Puts the table right in one transaction, if it is not; packets never see half of it. Says what was wrong. */
  ensure(state: FilterState): Finding {
    const wanted = merged(networkElements(state.networks), portElements(state.ports), guardElements(state.guarded));
    const finding = this.#look();
    if (finding === 'missing' || finding === 'different') this.#commit([...(finding === 'different' ? [nft.deleteTable(this.#table)] : []), ...this.#whole(wanted)]);
    const corrections = finding === 'whole' ? this.#corrections(wanted, portElements(state.unsettled ?? [])) : [];
    this.#commit(corrections);
    this.#generation = this.#currentGeneration();
    return corrections.length > 0 ? 'elements' : finding;
  }

  /**
   * True when somebody has changed any table since `ensure` and it was not expected: it is time to call that again. One request of the
   * kernel, some microseconds.
   */
  hasChanged(): boolean {
    if (this.#generation === undefined) return true;
    const since = (this.#currentGeneration() - this.#generation) >>> 0;
    return since > this.#expected;
  }

  /**
   * A shim is asked for one transaction, of which every one raises the generation by one: what shims do is no reason to look through the
   * whole table. Call the result with true when it has been made, false when it has not, undefined when nobody knows.
   */
  expectChange(): (made: boolean | undefined) => void {
    this.#expected += 1;
    return (made) => {
      this.#expected -= 1;
      if (made === undefined) this.#generation = undefined;
      else if (made && this.#generation !== undefined) this.#generation = (this.#generation + 1) >>> 0;
    };
  }

  addNetwork(network: FilterNetwork): void {
    this.#commit(this.#adding(networkElements([network])));
  }

  /** EBUSY never; throws NetlinkError (ENOENT) when it is not there. */
  removeNetwork(network: FilterNetwork): void {
    this.#commit(this.#deleting(networkElements([network])));
  }

  /** One transaction that publishes ports, for the plan's operation `netlink` with family `netfilter`. */
  publish(ports: readonly FilteredPort[]): NetlinkMessage[] {
    return nft.nftBatch(this.#adding(portElements(ports)));
  }

  /** One transaction that takes them back; refused as a whole (ENOENT) when one of them is not there. */
  unpublish(ports: readonly FilteredPort[]): NetlinkMessage[] {
    return nft.nftBatch(this.#deleting(portElements(ports)));
  }

  /** Removes the table, when the engine has no networks any more. */
  remove(): void {
    if (this.#exists()) this.#commit([nft.deleteTable(this.#table)]);
  }

  close(): void {
    this.#opened?.close();
    this.#opened = undefined;
  }

  get #socket(): NetlinkSocket {
    return (this.#opened ??= new NetlinkSocket(netlinkFamily.netfilter));
  }

  #commit(messages: readonly NetlinkMessage[]): void {
    if (messages.length > 0) this.#socket.request(nft.nftBatch(messages));
  }

  #adding(elements: SetElements): NetlinkMessage[] {
    return [...elements].flatMap(([set, list]) => nft.addElements(this.#table, set, list));
  }

  #deleting(elements: SetElements): NetlinkMessage[] {
    return [...elements].flatMap(([set, list]) => nft.deleteElements(this.#table, set, list));
  }

  #structure(): { readonly chains: NetlinkMessage[]; readonly sets: NetlinkMessage[]; readonly rules: NetlinkMessage[] } {
    return {
      chains: chains.map((chain) => nft.newChain(this.#table, chain)),
      sets: sets.map((set, index) => nft.newSet(this.#table, set, index + 1)),
      rules: chains.flatMap(({ name, rules }) => rules.map((rule) => nft.newRule(this.#table, name, rule))),
    };
  }

  #whole(elements: SetElements): NetlinkMessage[] {
    const structure = this.#structure();
    return [nft.newTable(this.#table, tableNote()), ...structure.sets, ...structure.chains, ...structure.rules, ...this.#adding(elements)];
  }

  #exists(): boolean {
    return this.#socket.get(nft.getTable(this.#table)) !== undefined;
  }

  /** Compares all but elements. */
  #look(): 'whole' | 'missing' | 'different' {
    if (!this.#exists()) return 'missing';
    const { chains: wantedChains, sets: wantedSets, rules } = this.#structure();
    const a = nft.nftAttribute;
    const ofTable = (request: NetlinkMessage, attribute: number) => this.#socket.dump(request).filter((each) => receivedName(each, attribute) === this.#table);
    const [theirChains, theirSets] = [ofTable(nft.getChains(), a.CHAIN_TABLE), ofTable(nft.getSets(this.#table), a.SET_TABLE)];
    const isThere = (wanted: readonly NetlinkMessage[], found: typeof theirChains, ignored: readonly number[]) =>
      wanted.length === found.length && wanted.every((message) => found.some((each) => fulfils(each, message, ignored)));
    // The kernel has an id for a set only within a transaction.
    const named = isThere(wantedChains, theirChains, []) && isThere(wantedSets, theirSets, [a.SET_ID]);
    return named && this.#rulesAre(rules) ? 'whole' : 'different';
  }

  /** Rules of a chain are in order; chains in any. */
  #rulesAre(wanted: readonly NetlinkMessage[]): boolean {
    const { RULE_CHAIN } = nft.nftAttribute;
    const found = Map.groupBy(this.#socket.dump(nft.getRules(this.#table)), (rule) => receivedName(rule, RULE_CHAIN));
    const ordered = chains.flatMap(({ name }) => found.get(name) ?? []);
    return ordered.length === wanted.length && wanted.every((rule, index) => fulfils(ordered[index] as (typeof ordered)[number], rule));
  }

  /** Messages that make the elements of every set what is wanted. What has other data is replaced; what is `allowed` may stay. */
  #corrections(wanted: SetElements, allowed: SetElements): NetlinkMessage[] {
    const [missing, extra]: [Map<string, nft.Element[]>, Map<string, nft.Element[]>] = [new Map(), new Map()];
    for (const { name, key, ranges = false } of sets) {
      const found = byText(this.#socket.dump(nft.getElements(this.#table, name)).flatMap(receivedElements).toSorted(byKey));
      const asked = byText(wanted.get(name) ?? []);
      // Both ends of a range of one field are elements, and mean nothing without each other.
      const replace = ranges && key.length === 1 && [...asked.keys(), ...found.keys()].some((text) => !found.has(text) || !asked.has(text));
      missing.set(name, [...asked].flatMap(([text, element]) => (found.has(text) && !replace ? [] : [element])));
      const kept = byText(allowed.get(name) ?? []);
      extra.set(name, [...found].flatMap(([text, element]) => ((asked.has(text) || kept.has(text)) && !replace ? [] : [element])));
    }
    return [...this.#deleting(extra), ...this.#adding(missing)];
  }

  #currentGeneration(): number {
    const answer = this.#socket.get(nft.getGeneration());
    return answer === undefined ? 0 : receivedGeneration(answer);
  }
}

const byText = (elements: readonly nft.Element[]): Map<string, nft.Element> => new Map(elements.map((element) => [elementText(element), element]));

/** The kernel gives elements in any order, and takes a range away by its beginning and then its end. */
const byKey = (one: nft.Element, other: nft.Element): number => Buffer.compare(one.key, other.key) || Number(other.endsRange ?? false) - Number(one.endsRange ?? false);

const merged = (...parts: readonly SetElements[]): SetElements => new Map(parts.flatMap((part) => [...part]));
