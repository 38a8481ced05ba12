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

test('what is not allowed is refused in Docker’s words', () => {
  for (const [change, message] of [
    ['RUN true', 'RUN is not a valid change command'],
    ['FROM x', 'FROM is not a valid change command'],
    ['BLAH x', 'unknown instruction: BLAH'],
    ['CMD', 'CMD requires at least one argument'],
    ['ENV a=b c', "can't find = in"],
    ['EXPOSE http', 'invalid containerPort: http'],
    ['EXPOSE 70000', 'invalid containerPort: 70000'],
    ['ONBUILD ONBUILD RUN x', 'ONBUILD ONBUILD'],
    ['HEALTHCHECK --interval=x CMD true', 'invalid duration'],
    ['HEALTHCHECK RUN x', 'Unknown type "RUN" in HEALTHCHECK (try CMD)'],
  ] as const)
    expect(() => applyChanges({}, [change])).toThrow(message);
});
