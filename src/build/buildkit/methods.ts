/** Methods of a service: one message in, and one out, or several. */
import type { Message, Sparse } from './proto/codec.ts';
import { type CallHandler, type IncomingCall, RpcError, rpcCode } from './rpc.ts';

async function onlyMessage<In>(call: IncomingCall, type: Message<In>): Promise<In> {
  for await (const bytes of call.messages) {
    try {
      return type.decode(bytes);
    } catch (error) {
      throw new RpcError(rpcCode.internal, `cannot read the request of ${call.path}: ${(error as Error).message}`);
    }
  }
  throw new RpcError(rpcCode.internal, `${call.path}: no request`);
}

export const unary = <In, Out>(
  request: Message<In>, response: Message<Out>, handle: (request: In, call: IncomingCall) => Promise<Sparse<Out>> | Sparse<Out>,
): CallHandler => async (call) => {
  await call.send(response.encode(await handle(await onlyMessage(call, request), call)));
};

/** `handle` yields messages that are encoded already, or values of `response`. */
export const serverStream = <In>(request: Message<In>, handle: (request: In, call: IncomingCall) => AsyncIterable<Uint8Array>): CallHandler => async (call) => {
  for await (const message of handle(await onlyMessage(call, request), call)) await call.send(message);
};

/** By paths; what is not there is unimplemented. */
export const dispatch = (methods: ReadonlyMap<string, CallHandler>): CallHandler => async (call) => {
  const handler = methods.get(call.path);
  const [, service = '', method = ''] = call.path.split('/');
  if (handler === undefined) throw new RpcError(rpcCode.unimplemented, `unknown method ${method} for service ${service}`);
  await handler(call);
};
