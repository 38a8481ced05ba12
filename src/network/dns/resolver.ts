/** Answers the name queries of a container: from the networks it is on, or from the name servers outside. */
import { shuffled } from './shuffled.ts';
import type { Forwarder, NameServerAddress } from './forwarder.ts';
import { encodeAddresses, encodePointer, encodeResult, readQuery, type Query } from './message.ts';

/** What a container's networks know. Names are in lower case and without the dot at their end. */
export interface Zone {
  /** Addresses of both families; undefined when nobody has the name. */
  lookUp(name: string): readonly string[] | undefined;
  /** The name of whoever has the address, which is given as the name that it is looked up by; undefined when nobody has. */
  reverse(name: string): string | undefined;
}

/** Who asks. */
export interface NameClient {
  readonly zone: Zone;
  /** Name servers for what the zone does not know; none for a container that does not reach the outside. */
  readonly servers: () => readonly NameServerAddress[];
  /** The user wants names without a dot to be looked up below a search domain alone (`ndots`). */
  readonly ndotsSet: boolean;
}

/** Seconds that an answer may be kept; Docker's. */
const ttl = 600;
const maxTcpSize = 65_535;
const nothing = Buffer.alloc(0);

/** The answer to a message, whatever it is; empty when there is none. Never throws, never rejects. */
export function resolve(client: NameClient, data: Buffer, overTcp: boolean, forwarder: Forwarder): Buffer | Promise<Buffer> {
  const query = readQuery(data);
  if (query === 'ignored') return nothing;
  if (typeof query === 'string') return encodeResult(data, query);
  return fromZone(client.zone, query, overTcp ? maxTcpSize : query.udpSize) ?? fromOutside(client, query, overTcp, forwarder);
}

function fromZone(zone: Zone, query: Query, maxSize: number): Buffer | undefined {
  const { name: asked, type } = query.question;
  const name = asked.toLowerCase().replace(/\.$/, '');
  switch (type) {
    case 'A':
    case 'AAAA': {
      const addresses = zone.lookUp(name);
      if (addresses === undefined) return undefined;
      const ofFamily = addresses.filter((address) => address.includes(':') === (type === 'AAAA'));
      return encodeAddresses(query, type, shuffled(ofFamily), ttl, maxSize);
    }
    // A name without a mail exchanger of its own is that itself (RFC 5321, section 5.1).
    case 'MX':
      return zone.lookUp(name) === undefined ? undefined : encodeResult(query.data, 'noError');
    case 'PTR': {
      const owner = zone.reverse(name);
      return owner === undefined ? undefined : encodePointer(query, owner, ttl);
    }
    default:
      return undefined;
  }
}

function fromOutside(client: NameClient, query: Query, overTcp: boolean, forwarder: Forwarder): Buffer | Promise<Buffer> {
  const { question: { name, type }, data } = query;
  if (client.ndotsSet && (type === 'A' || type === 'AAAA') && !name.replace(/\.$/, '').includes('.')) return encodeResult(data, 'noError');
  const servers = client.servers();
  if (servers.length === 0) return encodeResult(data, 'serverFailure');
  return forwarder.forward(data, servers, overTcp ? 'tcp' : 'udp');
}
