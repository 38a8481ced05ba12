import { expect, test } from 'bun:test';
import { applyChanges } from './changes.ts';

test('every instruction that Docker allows', () => {
  const config = applyChanges({ Env: ['A=1', 'B=2'], Labels: { old: 'x' }, WorkingDir: '/srv' }, [
    'CMD ["a", "b c"]',
    'entrypoint echo hi',
    'ENV A=3 C="d e" F=g\\ h',
    'ENV OLD the rest of it',
    'EXPOSE 80 53/udp 8000-8002',
    'LABEL a=b "c d"=\'e f\'',
    'ONBUILD RUN make',
    'STOPSIGNAL SIGTERM',
    'USER nobody:nogroup',
    'VOLUME /data /more',
    'VOLUME ["/with space"]',
    'WORKDIR sub/../dir',
    'HEALTHCHECK --interval=1m30s --retries=3 CMD ["true"]',
  ]);
  expect(config).toEqual({
    Cmd: ['a', 'b c'],
    Entrypoint: ['/bin/sh', '-c', 'echo hi'],
    Env: ['A=3', 'B=2', 'C=d e', 'F=g h', 'OLD=the rest of it'],
    ExposedPorts: { '80/tcp': {}, '53/udp': {}, '8000/tcp': {}, '8001/tcp': {}, '8002/tcp': {} },
    Labels: { old: 'x', a: 'b', 'c d': 'e f' },
    OnBuild: ['RUN make'],
    StopSignal: 'SIGTERM',
    User: 'nobody:nogroup',
    Volumes: { '/data': {}, '/more': {}, '/with space': {} },
    WorkingDir: '/srv/dir',
    Healthcheck: { Test: ['CMD', 'true'], Interval: 90e9, Retries: 3 },
  });
});

test('several instructions in one change, continuation lines and comments', () => {
  expect(applyChanges({}, ['ENV A=1 \\\n B=2\n# no\n\nUSER me'])).toEqual({ Env: ['A=1', 'B=2'], User: 'me' });
  expect(applyChanges({}, ['HEALTHCHECK NONE'])).toEqual({ Healthcheck: { Test: ['NONE'] } });
});

test('variables are those of the environment before the instruction', () => {
  const { Env, Labels, User } = applyChanges({ Env: ['PATH=/bin', 'EMPTY='] }, [
    'ENV PATH=/sbin:$PATH OLD=${PATH} A="$PATH" B=\'$PATH\' C=\\$PATH',
    'LABEL a=${NONE:-fall} b=${PATH:+set} c=${EMPTY-kept} d=${EMPTY:-used} e=$NONE',
    'USER ${OLD}',
  ]);
  expect(Env).toEqual(['PATH=/sbin:/bin', 'EMPTY=', 'OLD=/bin', 'A=/bin', 'B=$PATH', 'C=$PATH']);
  expect(Labels).toEqual({ a: 'fall', b: 'set', c: '', d: 'used', e: '' });
  expect(User).toBe('/bin');
});

test('an entrypoint takes away the command that was there before, not one that comes with it', () => {
  expect(applyChanges({ Cmd: ['old'] }, ['ENTRYPOINT ["e"]'])).toEqual({ Cmd: null, Entrypoint: ['e'] });
  expect(applyChanges({ Cmd: ['old'] }, ['CMD ["new"]', 'ENTRYPOINT ["e"]'])).toEqual({ Cmd: ['new'], Entrypoint: ['e'] });
  expect(applyChanges({}, ['CMD'])).toEqual({ Cmd: ['/bin/sh', '-c'] });
});

test('ports are recorded without the host’s part', () => {
  expect(applyChanges({}, ['EXPOSE 127.0.0.1:80:81 [::1]:9:9/udp'])).toEqual({ ExposedPorts: { '81/tcp': {}, '9/udp': {} } });
});

test('what is not allowed is refused in Docker’s words', () => {
  for (const [change, message] of [
    ['RUN true', 'RUN is not a valid change command'],
    ['FROM x', 'FROM is not a valid change command'],
    ['BLAH x', 'BLAH is not a valid change command'],
    ['ENV', 'ENV requires at least one argument'],
    ['USER', 'USER requires exactly one argument'],
    ['LABEL a', 'LABEL must have two arguments'],
    ['STOPSIGNAL no', 'invalid signal: no'],
    ['ENV A=${B', 'unsupported modifier'],
    ['ENV A=${}', 'bad substitution'],
    ['ENV A="x', 'looking for matching double-quote'],
    ['ENV a=b c', "can't find = in"],
    ['EXPOSE http', 'Invalid containerPort: http'],
    ['EXPOSE 70000', 'Invalid containerPort: 70000'],
    ['EXPOSE 80/x', 'Invalid proto: x'],
    ['EXPOSE 1.2.3:80:80', 'Invalid ip address: 1.2.3'],
    ['ONBUILD ONBUILD RUN x', 'ONBUILD ONBUILD'],
    ['HEALTHCHECK --interval=x CMD true', 'invalid duration'],
    ['HEALTHCHECK RUN x', 'Unknown type "RUN" in HEALTHCHECK (try CMD)'],
  ] as const)
    expect(() => applyChanges({}, [change])).toThrow(message);
});
