import { expect, test } from 'bun:test';
import { resolveRemap } from './userns-remap.ts';

const files = {
  passwd: 'root:x:0:0::/root:/bin/sh\nworker:x:1000:1001::/home/worker:/bin/sh\n',
  group: 'root:x:0:\nworkers:x:1001:\n',
  subuid: 'worker:100000:65536\nworker:300000:1000\ncaisson:200000:65536\n',
  subgid: 'workers:400000:65536\nworker:100000:65536\ncaisson:200000:65536\n',
};

test('a user by name or number, with several ranges one after the other', () => {
  const expected = [{ containerID: 0, hostID: 100000, size: 65536 }, { containerID: 65536, hostID: 300000, size: 1000 }];
  expect(resolveRemap('worker', files).uidMappings).toEqual(expected);
  expect(resolveRemap('1000', files).uidMappings).toEqual(expected);
});

test('a group of its own, and the default user that only subuid knows', () => {
  expect(resolveRemap('worker:workers', files).gidMappings).toEqual([{ containerID: 0, hostID: 400000, size: 65536 }]);
  expect(resolveRemap('default', files).uidMappings).toEqual([{ containerID: 0, hostID: 200000, size: 65536 }]);
});

test('who is not known, or has no range, is told so', () => {
  expect(() => resolveRemap('nobody', files)).toThrow('no user or group "nobody"');
  expect(() => resolveRemap('root', files)).toThrow('/etc/subuid has no range for "root"');
});
