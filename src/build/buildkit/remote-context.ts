/** Contexts that are no directory of the client's: an archive that it has, or one or a git repository that a URL names. */
import { notImplemented } from '../../errors.ts';
import { fetchContext } from '../context/remote.ts';
import { receiveContext } from '../context/receive.ts';
import { ContextTree } from '../context/tree.ts';
import { isGitUrl } from '../git/url.ts';
import type { BuildJob } from './build-job.ts';
import type { ClientSession } from './client-session.ts';
import { bytesMessage, sessionMethod } from './proto/session.ts';

/** A host that stands for the client's session. */
const uploadHost = /^http:\/\/buildkit-session\/(.*)$/;

/** Rejects with invalid-parameter for what is no archive. */
export async function receiveRemote(job: BuildJob, url: string): Promise<void> {
  const tree = new ContextTree(job.makeDirectory());
  const upload = uploadHost.exec(url)?.[1];
  if (upload !== undefined) await receiveContext(tree, uploaded(job.session, upload));
  else if (/^https?:\/\//.test(url) || isGitUrl(url)) await fetchContext(url, tree, 'Dockerfile', job.signal);
  else throw notImplemented(`a context from ${JSON.stringify(url)} is not supported: give a directory, an archive, or the URL of one or of a git repository`, { object: url });
  job.useUploaded(tree);
}

async function* uploaded(session: ClientSession, path: string): AsyncGenerator<Uint8Array> {
  const call = session.peer.call(sessionMethod.pull, { urlpath: [path] });
  call.end();
  for await (const message of call.messages) yield bytesMessage.decode(message).data;
}
