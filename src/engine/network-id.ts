/** Ids of the networks that are always there: the same after every start, so that a client may remember them. */
import { createHash } from 'node:crypto';

export const networkId = (name: string): string => createHash('sha256').update(`caisson network ${name}`).digest('hex');
