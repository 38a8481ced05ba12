/** The client's ssh agent on a socket of this host: each connection is carried to the client. */
import { createServer, type Socket } from 'node:net';
import type { ClientSession } from './client-session.ts';
import { bytesMessage, checkAgentRequest, sessionMethod } from './proto/session.ts';
import { RpcError, unaryCall } from './rpc.ts';

/** Pieces of a connection, in bytes: an agent's messages are short. */
const pieceBytes = 32 * 1024;

/** Undefined for an agent that the client does not have. */
export async function forwardAgent(session: ClientSession, id: string, path: string): Promise<{ close(): void } | undefined> {
  if (!session.supports(sessionMethod.checkAgent)) return undefined;
  try {
    await unaryCall(session.peer, sessionMethod.checkAgent, checkAgentRequest.encode({ id }));
  } catch (error) {
    if (error instanceof RpcError) return undefined;
    throw error;
  }
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    void relay(session, id, socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return {
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function relay(session: ClientSession, id: string, socket: Socket): Promise<void> {
  const call = session.peer.call(sessionMethod.forwardAgent, { 'ssh.id': [id] });
  const inward = (async () => {
    for await (const message of call.messages) {
      const { data } = bytesMessage.decode(message);
      if (!socket.write(data)) await new Promise((resolve) => void socket.once('drain', resolve).once('close', resolve));
    }
    socket.end();
  })();
  // The client may give up while the step says nothing, and waits for an answer.
  inward.catch(() => socket.destroy());
  try {
    // The end of what it says is not the end of what it is told.
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      const bytes = chunk as Uint8Array;
      for (let at = 0; at < bytes.length; at += pieceBytes) await call.send(bytesMessage.encode({ data: bytes.subarray(at, at + pieceBytes) }));
    }
    call.end();
    await inward;
  } catch {
    // One of the two has ended the connection: the other one sees that.
    call.cancel();
    socket.destroy();
  }
}
