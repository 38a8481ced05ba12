import { expect, test } from 'bun:test';
import { parseRunMount } from './run-mount.ts';

const parse = (text: string) => parseRunMount(text, (value) => value.replace('$X', 'x'));

test('mounts of all types, with their defaults', () => {
  expect(parse('target=/t')).toMatchObject({ type: 'bind', target: '/t', readOnly: true, from: '', sharing: 'shared' });
  expect(parse('type=cache,dst=/$X,id=i,sharing=locked,mode=0700,uid=1,gid=2')).toMatchObject({ type: 'cache', target: '/x', id: 'i', sharing: 'locked', mode: 0o700, uid: 1, gid: 2, readOnly: false });
  expect(parse('type=tmpfs,target=/t,size=64m')).toMatchObject({ type: 'tmpfs', size: 64 * 1024 * 1024 });
  expect(parse('type=secret,id=s,required')).toMatchObject({ type: 'secret', required: true, readOnly: true });
  expect(parse('type=bind,source=/s,target=/t,rw')).toMatchObject({ source: '/s', readOnly: false });
});

test('what is wrong is told in BuildKit’s words', () => {
  for (const [text, message] of [
    ['type=foo', 'unsupported mount type "foo"'],
    ['type=cach,target=/x', 'unsupported mount type "cach" (did you mean cache?)'],
    ['target=/x,targt=/y', "unexpected key 'targt' in 'targt=/y' (did you mean target?)"],
    ['foo', "invalid field 'foo' must be a key=value pair"],
    ['type=cache,required', "unexpected key 'required' for mount type 'cache'"],
    ['type=bind,size=1', "unexpected key 'size' for mount type 'bind'"],
    ['type=bind,mode=0700', 'mode not allowed for "bind" type mounts'],
    ['type=cache,mode=9', 'invalid value 9 for mode'],
    ['type=cache,sharing=x', 'unsupported sharing value "x"'],
    ['type=bind,sharing=shared', 'invalid cache sharing set for bind mount'],
    ['type=secret', 'invalid secret mount. one of source, target required'],
    ['type=secret,id=a,source=b', "both source and id can't be set"],
    ['ro=x', 'invalid value for ro: x'],
  ] as const) expect(() => parse(text)).toThrow(message);
});
