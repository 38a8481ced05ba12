/** `docker attach`, and the attach that `docker run` makes before it starts the container. */
import type { Socket } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import { conflict } from '../errors.ts';
import type { Container, PendingAttachment } from './container.ts';
import { isAlive } from './container-state.ts';
import type { EngineContext } from './context.ts';
import { parseDetachKeys } from './detach-keys.ts';
import type { AttachRequest, StreamSession } from './engine.ts';
import { readLogs } from './log-reader.ts';
import { containerPaths } from './paths.ts';
import { relay } from './stream-session.ts';

export async function attachContainer(context: EngineContext, container: Container, request: AttachRequest): Promise<StreamSession> {
  const { state, record } = container;
  const keys = parseDetachKeys(request.detachKeys);
  if (state.status === 'paused') throw conflict(`container ${record.id} is paused, unpause the container before attach`);
  if (state.status === 'restarting') throw conflict(`container ${record.id} is restarting, wait until the container is running`);
  const tty = record.config.Tty ?? false;
  const stream = request.stream ? await connect(container, request) : null;
  context.events.publish('container', 'attach', record.id, container.eventAttributes());
  return { tty, run: (client) => run(client) };

  async function run(client: Duplex): Promise<void> {
    if (request.logs) await replayLogs(context, container, request, client);
    const connected = stream === null ? null : await stream.ready(client);
    if (!connected) {
      client.end();
      return;
    }
    await relay(client, connected, {
      exited: container.exitHandled,
      stdin: request.stdin && (record.config.OpenStdin ?? false),
      detachKeys: tty ? keys : null,
      onDetach: () => context.events.publish('container', 'detach', record.id, container.eventAttributes()),
    });
  }
}

interface AttachedStream {
  /** The shim's stream, once there is one; null when there will be none. */
  ready(client: Duplex): Promise<Socket | null>;
}

async function connect(container: Container, request: AttachRequest): Promise<AttachedStream | null> {
  const options = { stdin: request.stdin && (container.record.config.OpenStdin ?? false), stdout: request.stdout, stderr: request.stderr };
  if (isAlive(container.state)) {
    const socket = await container.shim?.attach(options);
    if (socket) container.addOutput(socket);
    return socket ? { ready: async () => socket } : null;
  }
  const waiting = Promise.withResolvers<Socket | null>();
  const pending: PendingAttachment = { options, connect: waiting.resolve };
  container.pendingAttachments.add(pending);
  return {
    ready(client) {
      client.once('close', () => {
        if (container.pendingAttachments.delete(pending)) waiting.resolve(null);
      });
      return waiting.promise;
    },
  };
}

async function replayLogs(context: EngineContext, container: Container, request: AttachRequest, client: Duplex): Promise<void> {
  const { log } = containerPaths(context.settings.dataRoot, container.id);
  const frames = readLogs(
    log,
    { stdout: request.stdout, stderr: request.stderr, follow: false, timestamps: false, details: false, tail: 'all', since: '', until: '' },
    container.record.config.Tty ?? false,
    () => false,
  );
  for await (const chunk of Readable.from(frames)) {
    if (!client.write(chunk)) await new Promise((resolve) => client.once('drain', resolve).once('close', resolve));
  }
}

/** Takes the clients that wait for this start. Each gets its stream from the launch, or null when that fails. */
export function takePendingAttachments(container: Container): PendingAttachment[] {
  const pending = [...container.pendingAttachments];
  container.pendingAttachments.clear();
  return pending;
}
