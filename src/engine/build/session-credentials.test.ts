import { expect, test } from 'bun:test';
import { ClientSession } from '../../build/buildkit/client-session.ts';
import { credentialsRequest, credentialsResponse, sessionMethod } from '../../build/buildkit/proto/session.ts';
import type { RpcPeer } from '../../build/buildkit/rpc.ts';
import { parseReference } from '../../images/reference.ts';
import { registryOf } from './base-image.ts';
import { sessionCredentials } from './session-credentials.ts';

/** A client that has a password for each host that it is asked for. */
const peer: RpcPeer = {
  closed: new AbortController().signal,
  call: () => {
    let host = '';
    return {
      send: (message) => void ({ host } = credentialsRequest.decode(message)),
      messages: (async function* () {
        yield await Promise.resolve(credentialsResponse.encode({ username: 'me', secret: `secret of ${host}` }));
      })(),
      end: () => undefined, cancel: () => undefined,
    };
  },
  close: () => undefined,
};
const session = new ClientSession({ id: '', sharedKey: '', methods: new Set([sessionMethod.credentials]) }, peer);

test.each([
  ['busybox', 'registry-1.docker.io'], ['docker.io/library/busybox', 'registry-1.docker.io'], ['index.docker.io/library/busybox', 'registry-1.docker.io'],
  ['index.docker.io.evil.example/x', 'index.docker.io.evil.example'], ['evil.example/index.docker.io', 'evil.example'], ['index.docker.io:5000/x', 'index.docker.io:5000'],
  ['registry.example:5000/x', 'registry.example:5000'],
])('for %s the client is asked for what it has for %s', async (image, host) => {
  expect((await sessionCredentials(session, registryOf(parseReference(image).name))).password).toBe(`secret of ${host}`);
});
