/** Builds over the raw API: a context of a few files, and the records of the answer. */
import net from 'node:net';
import { Client } from './http.ts';
import { tar, type TarEntry } from './tar.ts';

export interface BuildAnswer {
  readonly status: number;
  /** Of an answer with a status other than 200. */
  readonly message: string;
  /** Each record's text, its error, or its auxiliary id. */
  readonly records: readonly string[];
  /** The id of the last image, as far as there is one. */
  readonly image: string;
  readonly error: { readonly message: string; readonly code?: number } | undefined;
}

interface Record {
  readonly stream?: string;
  readonly aux?: { readonly ID: string };
  readonly errorDetail?: { readonly message: string; readonly code?: number };
}

export const file = (name: string, data: string | Uint8Array, mode?: number): TarEntry => ({ type: 'file', name, data, ...(mode === undefined ? {} : { mode }) });
export const directory = (name: string, mode?: number): TarEntry => ({ type: 'directory', name: `${name}/`, ...(mode === undefined ? {} : { mode }) });
export const link = (name: string, target: string): TarEntry => ({ type: 'symlink', name, target });

/** `parameters`: of `POST /build`; objects are sent as JSON. */
export async function build(
  socket: string, dockerfile: string, files: readonly TarEntry[] = [], parameters: Readonly<{ [name: string]: string | readonly string[] | object }> = {},
): Promise<BuildAnswer> {
  return buildArchive(socket, tar([file('Dockerfile', dockerfile), ...files]), parameters);
}

export async function buildArchive(
  socket: string, archive: Uint8Array, parameters: Readonly<{ [name: string]: string | readonly string[] | object }> = {},
): Promise<BuildAnswer> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    const values = Array.isArray(value) && value.every((each) => typeof each === 'string') ? value : [typeof value === 'string' ? value : JSON.stringify(value)];
    for (const each of values) query.append(name, each);
  }
  const client = new Client(socket);
  try {
    const { status, body } = await client.request('POST', `/build?${query}`, archive);
    return status === 200 ? answered(body.toString()) : { status, message: JSON.parse(body.toString()).message, records: [], image: '', error: undefined };
  } finally {
    client.close();
  }
}

function answered(text: string): BuildAnswer {
  const records = text.trim().split('\r\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record);
  const error = records.at(-1)?.errorDetail;
  return {
    status: 200, message: '', error,
    records: records.map(({ stream, aux, errorDetail }) => stream ?? (aux ? `aux ${aux.ID}` : `error ${errorDetail?.message}`)),
    image: records.findLast(({ aux }) => aux)?.aux?.ID ?? '',
  };
}

/** What was told, with ids made alike: one text. */
export const shown = ({ records }: BuildAnswer): string => records
  .filter((record) => !record.includes('IPv4 forwarding is disabled'))
  .join('').replaceAll(/\b[0-9a-f]{12}\b/g, 'ID').replaceAll(/sha256:[0-9a-f]{64}/g, 'sha256:ID');

/** A build on a connection of its own, once a text has been told `times`; whoever destroys the connection has left. */
export async function buildUntil(socketPath: string, dockerfile: string, text: string, times = 1): Promise<net.Socket> {
  const body = tar([file('Dockerfile', dockerfile)]);
  const socket = net.connect(socketPath);
  socket.write(`POST /build HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\nContent-Length: ${body.length}\r\n\r\n`);
  socket.write(body);
  let told = '';
  await new Promise<void>((resolve, reject) => {
    socket.on('data', (chunk) => {
      told += chunk.toString();
      if (told.split(text).length > times) resolve();
    });
    socket.on('close', () => reject(new Error(`the build ended: ${told}`)));
  });
  return socket;
}
