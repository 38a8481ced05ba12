/**
 * A small world of network namespaces: a host with bridges, containers on them, and an outside host on a cable to it. Servers in it
 * answer with the address of whoever asks.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { run, type Result } from './command.ts';
import { makeNamespaces, type Namespaces } from './namespaces.ts';
import { bun, busybox } from './paths.ts';
import type { Step } from './network-driver.ts';

/** A member of the lab, by the commands that run in it. */
export class Node {
  readonly namespaces: Namespaces;

  constructor(namespaces: Namespaces) {
    this.namespaces = namespaces;
  }

  /** Runs a script, in which `$0` is busybox. */
  shell(script: string): Promise<Result> {
    return run(this.namespaces.enter([busybox, 'sh', '-c', script, busybox]));
  }

  /** The same, which must succeed. */
  async do(script: string): Promise<string> {
    const { code, stdout, stderr } = await this.shell(script);
    if (code !== 0) throw new Error(`${script}: ${stderr}`);
    return stdout.trim();
  }

  /** What the server at an address and port says, which is who it takes the caller for; undefined when nothing answers in a second. */
  async ask(address: string, port: number, protocol: 'tcp' | 'udp' = 'tcp'): Promise<string | undefined> {
    const argv = this.namespaces.enter([busybox, 'nc', ...(protocol === 'udp' ? ['-u'] : []), '-w', '1', address, String(port)]);
    const client = spawn(argv[0] as string, argv.slice(1), { stdio: ['pipe', 'pipe', 'ignore'] });
    const closed = once(client, 'close');
    let answer = '';
    client.stdout.on('data', (data: Buffer) => {
      answer += data.toString();
      // Of UDP there is no end.
      if (answer.includes('\n')) client.kill('SIGKILL');
    });
    client.stdin.on('error', () => undefined);
    client.stdin.write('hello\n');
    await closed;
    return answer.trim() === '' ? undefined : answer.trim();
  }
}

/** An IPv6 address is used at once: nobody waits for a neighbour who has the same. */
const noDuplicates = 'for each in all default; do echo 0 >/proc/sys/net/ipv6/conf/$each/accept_dad; done';

export class Lab {
  readonly host: Node;
  readonly #nodes: Node[];
  readonly #servers: ChildProcess[] = [];

  private constructor(host: Node) {
    this.host = host;
    this.#nodes = [host];
  }

  /** Around a host that is there already, and stays: an engine's. */
  static around(host: Namespaces): Lab {
    const lab = new Lab(new Node(host));
    lab.#nodes.pop();
    return lab;
  }

  static async make(): Promise<Lab> {
    return new Lab(new Node(await makeNamespaces(`echo 0 >/proc/sys/net/ipv4/ip_forward; ${noDuplicates}`)));
  }

  /** Takes steps of network-driver.ts on the host; what each of them answered, `{ refused: 'ENOENT' }` where the kernel would not. */
  async attempt(...steps: readonly Step[]): Promise<unknown[]> {
    const { code, stdout, stderr } = await run(this.host.namespaces.enter([bun, path.join(import.meta.dirname, 'network-driver.ts'), JSON.stringify(steps)]));
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as unknown[];
  }

  /** The same, all of which must succeed. */
  async steps(...steps: readonly Step[]): Promise<unknown[]> {
    const answers = await this.attempt(...steps);
    const refused = answers.findIndex((answer) => typeof answer === 'object' && answer !== null);
    if (refused >= 0) throw new Error(`${JSON.stringify(steps[refused])}: ${JSON.stringify(answers[refused])}`);
    return answers;
  }

  /** A bridge of the host; addresses with the length of their prefix. */
  async bridge(name: string, ...addresses: readonly string[]): Promise<void> {
    await this.steps({ do: 'bridge', name }, { do: 'route-loopback', bridge: name });
    await this.host.do(addresses.map((address) => addAddress(name, address)).join(' && '));
  }

  /** A member on a cable to the host: to a bridge of it, or to an interface with `hostAddresses`. The way out is `gateways`. */
  async node(cable: { readonly master: string } | { readonly hostAddresses: readonly string[] }, addresses: readonly string[], gateways: readonly string[]): Promise<Node> {
    const node = new Node(await makeNamespaces(noDuplicates));
    const name = `lab${this.#nodes.length + 1}`;
    this.#nodes.push(node);
    await this.steps({ do: 'veth', name, peer: 'eth0', pid: node.namespaces.pid, ...('master' in cable ? cable : {}) });
    if ('hostAddresses' in cable) await this.host.do(cable.hostAddresses.map((address) => addAddress(name, address)).join(' && '));
    await node.do(['$0 ip link set eth0 up', ...addresses.map((address) => addAddress('eth0', address)), ...gateways.map((gateway) => `$0 ip route add default via ${gateway}`)].join(' && '));
    return node;
  }

  /** Servers on a port of a member, TCP and UDP, IPv4 and IPv6 when the address is `::`, that answer `name:` and the caller's address. */
  async serve(node: Node, name: string, port: number, address = '::'): Promise<void> {
    const answer = `echo "${name}: $TCPREMOTEADDR$UDPREMOTEADDR" | "$0" sed 's/:[0-9]*$//; s/[][]//g; s/::ffff://'`;
    for (const program of ['tcpsvd', 'udpsvd']) {
      const argv = node.namespaces.enter([busybox, program, '-v', address, String(port), busybox, 'sh', '-c', answer, busybox]);
      const child = spawn(argv[0] as string, argv.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
      this.#servers.push(child);
      const [said] = (await once(child.stderr, 'data')) as [Buffer];
      if (!said.includes('listening')) throw new Error(`${name}: ${said.toString()}`);
      child.stderr.resume();
    }
  }

  async end(): Promise<void> {
    for (const server of this.#servers) {
      if (server.exitCode !== null || server.signalCode !== null) continue;
      const exited = once(server, 'exit');
      server.kill('SIGKILL');
      await exited;
    }
    for (const node of this.#nodes) await node.namespaces.end();
  }
}

const addAddress = (name: string, address: string): string => `$0 ip addr add ${address} dev ${name}`;
