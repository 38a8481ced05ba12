/** `docker attach`, and the attach that `docker run` makes before it starts the container. */
import type { Socket } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import { conflict } from '../errors.ts';
import { SystemCallError } from '../linux/ffi/libc.ts';
import type { Attachment } from '../runtime/shim.ts';
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
  const stdin = request.stdin && (record.config.OpenStdin ?? false);
  // Somebody has to look for detach keys in what is typed, or to send the log first; else the shim and the client need nobody between them.
  const direct = !request.logs && !(tty && stdin);
  const options = { stdin, stdout: request.stdout, stderr: request.stderr };
  // Attached before the answer: what comes after the log is the first thing that the log does not have.
  const early = request.stream && !direct ? connect(container, { options }) : null;
  context.events.publish('container', 'attach', record.id, container.eventAttributes());
  return { tty, run };

  async function run(client: Duplex, takeDescriptor: () => number | undefined): Promise<void> {
    if (request.logs) await replayLogs(context, container, request, client);
    const attached = request.stream ? (early ?? connect(container, { options, takeClient: takeDescriptor })) : null;
    const stream = attached === null ? null : await attached.ready(client);
    if (stream === null) {
      client.end();
      return;
    }
    await relay(client, stream, {
      exited: container.exitHandled,
      stdin,
      detachKeys: tty ? keys : null,
      onDetach: () => context.events.publish('container', 'detach', record.id, container.eventAttributes()),
    });
  }
}

interface AttachedStream {
  /** The shim's stream, once there is one; null when there will be none, or when the shim has the client itself. */
  ready(client: Duplex): Promise<Socket | null>;
}

/** The streams of the run that is, or of the next one: nothing of that is lost after this call. */
function connect(container: Container, attachment: Attachment): AttachedStream {
  if (isAlive(container.state)) {
    const connected = attachNow(container, attachment);
    return { ready: () => connected };
  }
  const waiting = Promise.withResolvers<Socket | null>();
  const pending: PendingAttachment = { ...attachment, connect: waiting.resolve };
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

async function attachNow(container: Container, attachment: Attachment): Promise<Socket | null> {
  try {
    const socket = (await container.shim?.attach(attachment)) ?? null;
    if (socket !== null) container.addOutput(socket);
    return socket;
  } catch (error) {
    // It has ended in this moment: to the client that is the end of the output.
    if (error instanceof SystemCallError) return null;
    throw error;
  }
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
