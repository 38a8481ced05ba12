import type { Figure } from '../figure.ts';
import { building } from './build.ts';
import { burst } from './burst.ts';
import { commandLines } from './command-line.ts';
import { copy } from './copy.ts';
import { exec } from './exec.ts';
import { images } from './images.ts';
import { importing } from './import.ts';
import { lifecycle } from './lifecycle.ts';
import { list } from './list.ts';
import { memory } from './memory.ts';
import { network } from './network.ts';
import { ports } from './ports.ts';
import { removal } from './remove.ts';
import { streams } from './streams.ts';
import { traffic } from './traffic.ts';

/** In the order of the table. Memory comes first: what the others leave behind would count. */
export const figures: readonly Figure[] = [memory, lifecycle, network, ports, traffic, commandLines, exec, burst, removal, list, copy, importing, images, building, streams];
