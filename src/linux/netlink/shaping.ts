/** Queueing disciplines of interfaces (tc(8)): the token bucket filter, tc-tbf(8). */
import { attributeText, decodeAttributes, messageFlag, type NetlinkMessage, type ReceivedMessage } from './message.ts';
import { type LinkRef, rtnetlink } from './route.ts';

/** linux/pkt_sched.h, linux/rtnetlink.h. */
const TC_H_ROOT = 0xffff_ffff;
const [TCA_KIND, TCA_OPTIONS] = [1, 2];
const [TCA_TBF_PARMS, TCA_TBF_RATE64, TCA_TBF_BURST] = [1, 4, 6];
const TC_LINKLAYER_ETHERNET = 1;
/** struct tcmsg, struct tc_tbf_qopt. */
const [tcmsgSize, qoptSize] = [20, 36];
/** Of the second: struct tc_ratespec first, whose last word is the rate, and the queue's limit behind two of them. */
const [linklayerAt, rateAt, limitAt] = [1, 8, 24];
const uint32Max = 0xffff_ffff;

/** What leaves by an interface. */
export interface Shape {
  /** Bytes per second. */
  readonly rate: number;
  /** Bytes that may go at once after a pause. */
  readonly burst: number;
  /** Bytes that may wait; what comes then is dropped. */
  readonly limit: number;
}

/** Takes the place of another one. `link` has to be there when the helper sends it, if it is a name. */
export function shapeLink(link: LinkRef, { rate, burst, limit }: Shape): NetlinkMessage {
  const body = Buffer.alloc(tcmsgSize);
  if (typeof link === 'number') body.writeInt32LE(link, 4);
  body.writeUInt32LE(TC_H_ROOT, 12);
  const options = Buffer.alloc(qoptSize);
  options.writeUInt8(TC_LINKLAYER_ETHERNET, linklayerAt);
  options.writeUInt32LE(Math.min(rate, uint32Max), rateAt);
  options.writeUInt32LE(Math.min(limit, uint32Max), limitAt);
  const wide = Buffer.alloc(8);
  wide.writeBigUInt64LE(BigInt(rate));
  return {
    type: rtnetlink.RTM_NEWQDISC,
    flags: messageFlag.NLM_F_CREATE | messageFlag.NLM_F_REPLACE,
    body,
    ...(typeof link === 'number' ? {} : { link }),
    attributes: [
      { type: TCA_KIND, value: 'tbf' },
      {
        type: TCA_OPTIONS,
        value: [
          { type: TCA_TBF_PARMS, value: options },
          // Of a rate that fits in the structure the kernel wants no other.
          ...(rate > uint32Max ? [{ type: TCA_TBF_RATE64, value: wide }] : []),
          { type: TCA_TBF_BURST, value: Math.min(burst, uint32Max) },
        ],
      },
    ],
  };
}

export const listShapes = (): NetlinkMessage => ({ type: rtnetlink.RTM_GETQDISC, body: Buffer.alloc(tcmsgSize) });

/** Undefined for another discipline. The kernel keeps the burst as a time; it is not read back. */
export function shapeOf({ type, payload }: ReceivedMessage): { readonly index: number; readonly rate: number; readonly limit: number } | undefined {
  if (type !== rtnetlink.RTM_NEWQDISC) return undefined;
  const attributes = decodeAttributes(payload, tcmsgSize);
  if (attributeText(attributes.get(TCA_KIND)) !== 'tbf') return undefined;
  const options = decodeAttributes(attributes.get(TCA_OPTIONS) ?? Buffer.alloc(0));
  const parameters = options.get(TCA_TBF_PARMS);
  if (parameters === undefined || parameters.length < qoptSize) return undefined;
  const wide = options.get(TCA_TBF_RATE64)?.readBigUInt64LE();
  return { index: payload.readInt32LE(4), rate: Number(wide ?? parameters.readUInt32LE(rateAt)), limit: parameters.readUInt32LE(limitAt) };
}
