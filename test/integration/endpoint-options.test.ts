/** Options of a container's endpoint: the name of its interface, and settings of that. */
import { expect } from 'bun:test';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, needs } = useEngine({ bridge: true }, 'nf-tables', 'engine-28');
const it = requires(...needs);

const label = (option: string) => `com.docker.network.endpoint.${option}`;
const on = (network: string, option = '', value = '') => `name=${network}${option === '' ? '' : `,"driver-opt=${label(option)}=${value}"`}`;
const interfaces = 'ls /sys/class/net | grep -v lo; :';
const run = (networks: readonly string[], script: string) =>
  subject.docker('run', '--rm', ...networks.flatMap((each) => ['--network', each]), 'busybox', 'sh', '-c', script);
const lines = ({ stdout }: { stdout: string }) => stdout.trim().split('\n');

it('an interface has the name that was asked for, and others those that are left', async () => {
  for (const each of ['one', 'two']) await subject.output('network', 'create', each);
  expect(lines(await run([on('one', 'ifname', 'wan')], interfaces))).toEqual(['wan']);
  expect(lines(await run([on('one'), on('two', 'ifname', 'eth0')], interfaces))).toEqual(['eth0', 'eth1']);
  expect(lines(await run([on('one', 'ifname', 'eth1'), on('two')], 'ip route | grep default'))[0]).toContain('dev eth1');
  await subject.output('network', 'create', '-o', 'com.docker.network.container_iface_prefix=foo', 'prefixed');
  expect(lines(await run(['one', 'prefixed', 'two'], interfaces))).toEqual(['eth0', 'eth1', 'foo0']);
  expect(lines(await run([on('prefixed', 'ifname', 'eth7')], interfaces))).toEqual(['eth7']);
});

it('a name that no interface can have is refused, and nothing of the container stays', async () => {
  const refusals = [['lo', 'file exists'], ['a-name-that-is-too-long', 'numerical result out of range'], ['a/b', 'invalid argument'], ['a b', 'invalid argument'], ['.', 'invalid argument']];
  for (const [name = '', why = ''] of refusals) {
    const { code, stderr } = await run([on('one', 'ifname', name)], interfaces);
    expect({ code, name }).toEqual({ code: 125, name });
    expect(stderr).toMatch(/failed to set up container networking: failed to add interface veth[0-9a-f]{7} to sandbox: error renaming interface "veth[0-9a-f]{7}" to "/);
    expect(stderr).toContain(`to "${name}": ${why}`);
  }
  expect((await run([on('one', 'ifname', 'same'), on('two', 'ifname', 'same')], interfaces)).stderr).toContain('to "same": file exists');
});

it('an interface that is connected has its own options, too', async () => {
  await subject.output('run', '-d', '--name', 'runs', 'busybox', 'sleep', '1000');
  await subject.output('network', 'connect', '--driver-opt', `${label('ifname')}=zed`, '--driver-opt', `${label('sysctls')}=net.ipv4.conf.IFNAME.log_martians=1`, 'one', 'runs');
  expect(await subject.output('exec', 'runs', 'sh', '-c', interfaces)).toBe('eth0\nzed');
  expect(await subject.output('exec', 'runs', 'cat', '/proc/sys/net/ipv4/conf/zed/log_martians', '/proc/sys/net/ipv4/conf/eth0/log_martians')).toBe('1\n0');
  expect(JSON.parse(await subject.inspect('runs', '{{json .NetworkSettings.Networks.one.DriverOpts}}'))).toEqual({ [label('ifname')]: 'zed', [label('sysctls')]: 'net.ipv4.conf.IFNAME.log_martians=1' });
  const again = await subject.docker('network', 'connect', '--driver-opt', `${label('ifname')}=zed`, 'two', 'runs');
  expect(again.stderr).toContain('to "zed": file exists');
  const none = await subject.docker('network', 'connect', '--driver-opt', `${label('sysctls')}=net.ipv4.conf.IFNAME.nope=1`, 'two', 'runs');
  expect(none.stderr).toContain('/proc/sys/net/ipv4/conf/eth1/nope is not a sysctl file');
  const wrong = await subject.docker('network', 'connect', '--driver-opt', `${label('sysctls')}=nope=1`, 'two', 'runs');
  expect(wrong.stderr).toContain("invalid endpoint settings:\nunrecognised network interface sysctl 'nope=1'");
  // Docker leaves the interface that it could not rename.
  if (!subject.isDockerd) expect(await subject.output('exec', 'runs', 'sh', '-c', interfaces)).toBe('eth0\nzed');
  await subject.output('network', 'disconnect', 'one', 'runs');
  expect(await subject.output('exec', 'runs', 'sh', '-c', interfaces)).not.toContain('zed');
});

it('settings of an interface are made when it is there', async () => {
  const shown = 'cat /proc/sys/net/ipv4/conf/eth0/log_martians /proc/sys/net/ipv4/conf/eth0/forwarding /proc/sys/net/ipv6/conf/eth0/disable_ipv6';
  const settings = 'net.ipv4.conf.IFNAME.log_martians=1,net.ipv4.conf.IFNAME.forwarding=1,net.ipv6.conf.IFNAME.disable_ipv6=0';
  expect(lines(await run([on('one', 'sysctls', settings)], shown))).toEqual(['1', '1', '0']);
  const refused = async (value: string) => (await run([on('one', 'sysctls', value)], ':')).stderr;
  expect(await refused('net.ipv4.conf.IFNAME.log_martians')).toContain("expected sysctl 'net.ipv4.conf.ifname.log_martians' to have format name=value");
  expect(await refused('net.ipv4.conf.IFNAME.log_martians=abc')).toContain("unable to write to '/proc/sys/net/ipv4/conf/eth0/log_martians': write /proc/sys/net/ipv4/conf/eth0/log_martians: invalid argument");
  expect(await refused('net.mpls.conf.IFNAME.nope=1')).toContain('/proc/sys/net/mpls/conf/eth0/nope is not a sysctl file');
});

it('what is no setting of an interface is refused at create, and so is one that is not where it belongs', async () => {
  const create = (more: object) => subject.api.request('POST', '/containers/create', { Image: 'busybox', Cmd: ['true'], ...more });
  const message = (text: string, status = 400) => ({ status, body: { message: text } });
  const wanted = "represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'";
  for (const each of ['net.ipv4.conf.eth0.log_martians=1', 'net.ipv4.conf.IfName.x=1', 'net.ipv4.conf.IFNAME=1', 'net.ipv4.IFNAME.x=1', 'net.ipv5.conf.IFNAME.x=1', 'kernel.x=1', '']) {
    const answer = await create({ HostConfig: { NetworkMode: 'one' }, NetworkingConfig: { EndpointsConfig: { one: { DriverOpts: { [label('sysctls')]: each } } } } });
    expect({ status: answer.status, body: JSON.parse(answer.body.toString()) as unknown }).toEqual(message(`invalid config for network one: invalid endpoint settings:\nunrecognised network interface sysctl '${each}'; ${wanted}`));
  }
  const misplaced = await create({ HostConfig: { NetworkMode: 'bridge', Sysctls: { 'net.ipv4.conf.eth1.log_martians': '1' } } });
  expect({ status: misplaced.status, body: JSON.parse(misplaced.body.toString()) as unknown }).toEqual(
    message(`interface specific sysctl setting "net.ipv4.conf.eth1.log_martians" must be supplied using driver option '${label('sysctls')}'`, subject.isDockerd ? 500 : 400), // Docker's is a slip
  );
});

leavesNothingBehind(subject);
