/** One stage: from its instructions to steps, each with a vertex for its tree and the configuration after it. */
import { posix } from 'node:path';
import { invalidParameter } from '../../errors.ts';
import { expand, expandWords, type WordOptions } from '../../images/shell-words.ts';
import type { EscapeCharacter } from '../dockerfile/directives.ts';
import { heredocText, parseHeredocWord } from '../dockerfile/heredoc.ts';
import type { CommandLine, CopyInstruction, Instruction, KeyValue, RunInstruction } from '../dockerfile/instruction.ts';
import { parseRunMount, type RunMount } from '../dockerfile/run-mount.ts';
import { isGitUrl, parseGitUrl } from '../git/url.ts';
import { parseFileMode } from '../file-mode.ts';
import { type CopySource, type MountOperation, type RunSettings, vertex, type Vertex } from '../graph/vertex.ts';
import type { ArgScope } from './build-args.ts';
import { configSummary, copySummary, copyText, healthText, layerSummary, nop, nopFiles, quotedList, runText } from './history-text.ts';
import {
  argvOf, environmentValue, type RunConfig, shellOf, withEnvironment, withHealthcheck, withLabels, withPorts, withStopSignal, withVolumes,
  withWorkingDirectory,
} from './run-config.ts';
import type { Step } from './step.ts';

/** What a stage needs to know of the world around it. */
export interface StageSurroundings {
  readonly escape: EscapeCharacter;
  readonly network: string;
  readonly runSettings: RunSettings;
  readonly context: Vertex;
  /** Stage, or image, by what `--from` says. */
  readonly source: (name: string) => Promise<Vertex>;
}

export class StagePlanner {
  readonly #around: StageSurroundings;
  readonly #args: ArgScope;
  #tree: Vertex;
  #config: RunConfig;
  #author = '';
  /** There is something to run commands in. */
  #hasBase: boolean;
  /** A CMD of this stage stays when an ENTRYPOINT follows. */
  #commandSet = false;

  constructor(around: StageSurroundings, args: ArgScope, base: { tree: Vertex; config: RunConfig; isScratch: boolean }) {
    this.#around = around;
    this.#args = args;
    this.#tree = base.tree;
    this.#config = base.config;
    this.#hasBase = !base.isScratch;
  }

  get tree(): Vertex {
    return this.#tree;
  }

  get config(): RunConfig {
    return this.#config;
  }

  /** Throws what is wrong with the instruction, in Docker's words. `verbatim`: there are no variables in it. */
  async plan(instruction: Instruction, verbatim = false): Promise<Step> {
    const notes: string[] = [];
    const shown = verbatim ? instruction.original : this.#shown(instruction);
    const { kind, createdBy, summary } = await this.#apply(instruction, verbatim, notes);
    // From here on there is an image.
    this.#hasBase = true;
    return {
      text: instruction.original, shown, line: instruction.line, endLine: instruction.endLine, kind, tree: this.#tree, config: this.#config, author: this.#author, createdBy, summary, notes,
    };
  }

  async #apply(instruction: Instruction, verbatim: boolean, notes: string[]): Promise<Pick<Step, 'kind' | 'createdBy' | 'summary'>> {
    switch (instruction.kind) {
      case 'run': {
        const text = await this.#run(instruction);
        return { kind: 'run', createdBy: text, summary: layerSummary(`RUN ${text}`) };
      }
      case 'copy': case 'add': {
        const { text, summary } = await this.#copy(instruction);
        return { kind: 'copy', createdBy: nopFiles(shellOf(this.#config), text), summary: layerSummary(summary) };
      }
      case 'workdir': {
        const text = this.#workdir(this.#expand(instruction.path));
        return { kind: 'directory', createdBy: nopFiles(shellOf(this.#config), text), summary: text };
      }
      default: {
        const text = this.#configure(instruction, verbatim, notes);
        return { kind: 'config', createdBy: nop(shellOf(this.#config), text), summary: configSummary(instruction, text, this.#config) };
      }
    }
  }

  /** What cannot be expanded is told of when it is planned. */
  #shown({ original }: Instruction): string {
    try {
      return this.#expand(original, { rawQuotes: true, rawEscapes: true, keepUnset: true });
    } catch {
      return original;
    }
  }

  #expand(word: string, options: WordOptions = {}): string {
    return expand(word, this.#lookup, { escape: this.#around.escape, ...options });
  }

  readonly #lookup = (name: string): string | undefined => environmentValue(this.#config, name) ?? this.#args.get(name);

  /** Changes the configuration; returns what the history says of it. */
  #configure(instruction: Exclude<Instruction, Instruction<'run' | 'copy' | 'add' | 'workdir'>>, verbatim: boolean, notes: string[]): string {
    switch (instruction.kind) {
      case 'from': throw new TypeError('a stage has one FROM');
      case 'arg': return this.#declare(instruction);
      case 'env': {
        const pairs = this.#pairs(instruction.pairs);
        this.#config = withEnvironment(this.#config, pairs);
        return `ENV ${pairs.map(({ key, value }) => `${key}=${value}`).join(' ')}`;
      }
      case 'label': {
        const pairs = verbatim ? instruction.pairs : this.#pairs(instruction.pairs);
        this.#config = withLabels(this.#config, pairs);
        return `LABEL ${pairs.map(({ key, value }) => `${key}=${value}`).join(' ')}`;
      }
      case 'maintainer':
        this.#author = instruction.author;
        return `MAINTAINER ${instruction.author}`;
      case 'cmd': return this.#command(instruction.command);
      case 'entrypoint': return this.#entrypoint(instruction.command);
      case 'shell':
        this.#config = { ...this.#config, Shell: instruction.shell };
        return `SHELL [${instruction.shell.join(' ')}]`;
      case 'expose': {
        const ports = instruction.ports.flatMap((port) => expandWords(port, this.#lookup, { escape: this.#around.escape }));
        this.#config = withPorts(this.#config, ports);
        return `EXPOSE ${[...ports].sort().join(' ')}`;
      }
      case 'user':
        this.#config = { ...this.#config, User: this.#expand(instruction.user) };
        return `USER ${this.#config.User}`;
      case 'volume': {
        const paths = instruction.paths.map((path) => this.#expand(path));
        if (paths.includes('')) throw invalidParameter('VOLUME specified can not be an empty string');
        this.#config = withVolumes(this.#config, paths);
        return `VOLUME [${paths.join(' ')}]`;
      }
      case 'stopsignal': {
        const signal = this.#expand(instruction.signal);
        this.#config = withStopSignal(this.#config, signal);
        return `STOPSIGNAL ${signal}`;
      }
      case 'healthcheck': return this.#healthcheck(instruction, notes);
      case 'onbuild':
        this.#config = { ...this.#config, OnBuild: [...(this.#config.OnBuild ?? []), instruction.trigger] };
        return `ONBUILD ${instruction.trigger}`;
    }
  }

  #pairs(pairs: readonly KeyValue[]): KeyValue[] {
    return pairs.map(({ key, value }) => ({ key: this.#expand(key), value: this.#expand(value) }));
  }

  #declare({ args }: Instruction<'arg'>): string {
    const shown = args.map(({ key, value }) => {
      const name = this.#expand(key);
      const fallback = value === undefined ? undefined : this.#expand(value);
      this.#args.declare(name, fallback);
      return fallback === undefined ? name : `${name}=${fallback}`;
    });
    return `ARG ${shown.join(' ')}`;
  }

  #command(command: CommandLine): string {
    const words = argvOf(this.#config, command);
    this.#config = { ...this.#config, Cmd: words };
    if (command.words.length > 0) this.#commandSet = true;
    return `CMD ${quotedList(words)}`;
  }

  #entrypoint(command: CommandLine): string {
    const words = command.words.length === 0 ? [] : argvOf(this.#config, command);
    this.#config = { ...this.#config, Entrypoint: words.length === 0 ? null : words, ...(this.#commandSet ? {} : { Cmd: null }) };
    return `ENTRYPOINT ${quotedList(words)}`;
  }

  #healthcheck({ health }: Instruction<'healthcheck'>, notes: string[]): string {
    const before = this.#config.Healthcheck?.Test ?? [];
    if (before.length > 0 && before[0] !== 'NONE') notes.push(`Note: overriding previous HEALTHCHECK: [${before.join(' ')}]\n`);
    this.#config = withHealthcheck(this.#config, health);
    return `HEALTHCHECK ${healthText(health)}`;
  }

  #workdir(path: string): string {
    this.#config = withWorkingDirectory(this.#config, path);
    this.#tree = vertex({ kind: 'directory', path: this.#config.WorkingDir }, [this.#tree]);
    return `WORKDIR ${this.#config.WorkingDir}`;
  }

  async #run(instruction: Instruction<'run'>): Promise<string> {
    if (!this.#hasBase) throw invalidParameter('Please provide a source image with `from` prior to run');
    if (instruction.devices.length > 0) throw invalidParameter('the --device option is not supported: a build gets no devices of the host');
    if (!['', 'sandbox'].includes(instruction.security)) throw invalidParameter(`the --security=${instruction.security} option is not allowed: builds run without privileges`);
    const argv = argvOf(this.#config, withHeredocs(instruction));
    const { all, named } = this.#args.entries(this.#config.Env);
    const { mounts, inputs } = await this.#mounts(instruction);
    this.#tree = vertex({
      kind: 'run', argv, env: [...this.#config.Env, ...all], cwd: this.#config.WorkingDir, user: this.#config.User,
      volumes: Object.keys(this.#config.Volumes ?? {}), network: networkOf(instruction.network, this.#around.network), mounts,
      settings: this.#around.runSettings,
    }, [this.#tree, ...inputs]);
    return runText(argv, named);
  }

  async #mounts({ mounts }: RunInstruction): Promise<{ mounts: MountOperation[]; inputs: Vertex[] }> {
    const inputs: Vertex[] = [];
    const operations: MountOperation[] = [];
    for (const text of mounts) {
      const mount = refused(() => parseRunMount(text, (value) => this.#expand(value)));
      const agents = operations.filter(({ type }) => type === 'ssh').length;
      const target = mount.target || defaultTarget(mount, agents);
      if (target === '' && mount.env === '') throw invalidParameter('invalid mount target "/"');
      const shown = mount.type === 'bind' || (mount.type === 'cache' && mount.from !== '');
      const input = shown ? inputs.push(mount.from === '' ? this.#around.context : await this.#around.source(mount.from)) : undefined;
      operations.push({ ...mount, target: target === '' ? '' : posix.resolve('/', this.#config.WorkingDir, target), input });
    }
    return { mounts: operations, inputs };
  }

  async #copy(instruction: CopyInstruction): Promise<{ text: string; summary: string }> {
    const name = instruction.kind.toUpperCase();
    const expanded = (text: string) => this.#expand(text);
    const destination = this.#destination(expanded(instruction.destination));
    const { inputs, sources } = await this.#sources(instruction, name);
    const chown = expanded(instruction.chown);
    const chmod = modeOf(expanded(instruction.chmod));
    this.#tree = vertex({
      kind: 'copy', instruction: name, sources, destination, chown, keepOwner: instruction.from !== '' && chown === '',
      chmod, link: instruction.link, parents: instruction.parents, excludes: instruction.excludes.map(expanded),
      unpack: instruction.unpack ?? instruction.kind === 'add',
    }, [this.#tree, ...inputs]);
    const shown = [...instruction.sources.map(expanded), ...instruction.inlineFiles.map((file) => `<<${file.name}`), expanded(instruction.destination)];
    return {
      text: copyText(name, chown, expanded(instruction.destination)),
      summary: copySummary(name, { checksum: instruction.checksum, chown, chmod }, shown),
    };
  }

  async #sources(instruction: CopyInstruction, name: string): Promise<{ inputs: Vertex[]; sources: CopySource[] }> {
    const inputs: Vertex[] = [];
    const sources: CopySource[] = [];
    const paths = instruction.sources.map((path) => this.#expand(path));
    checkChecksum(instruction.checksum, paths);
    const from = instruction.from === '' ? this.#around.context : await this.#around.source(instruction.from);
    for (const path of paths) {
      if (instruction.kind === 'add' && isGitUrl(path)) {
        sources.push({ input: inputs.push(gitVertex(path, instruction)), path: '/' });
      } else if (isUrl(path)) {
        if (instruction.kind === 'copy') throw invalidParameter("COPY failed: source can't be a URL for COPY");
        const input = inputs.push(vertex({ kind: 'download', url: path, checksum: instruction.checksum }));
        sources.push({ input, path: '' });
      } else {
        const known = inputs.indexOf(from);
        sources.push({ input: known === -1 ? inputs.push(from) : known + 1, path });
      }
    }
    if (instruction.inlineFiles.length > 0) {
      const files = instruction.inlineFiles.map((file) => ({ name: file.name, text: file.expand ? this.#expand(file.text, { ignoreQuotes: true }) : file.text }));
      const input = inputs.push(vertex({ kind: 'inline', files }));
      sources.push(...files.map((file) => ({ input, path: file.name })));
    }
    if (sources.length === 0) throw invalidParameter(`${name} failed: no source files were specified`);
    return { inputs, sources };
  }

  /** A destination is below the working directory, and keeps a slash at its end. */
  #destination(path: string): string {
    const absolute = posix.resolve('/', this.#config.WorkingDir, path);
    const isDirectory = path === '' || path.endsWith('/') || path.endsWith('/.') || path === '.' || path === '..';
    return isDirectory && absolute !== '/' ? `${absolute}/` : absolute;
  }
}

/** Where secrets and agents are when nothing is said; `agents`: how many there are already. */
function defaultTarget({ type, id, source, env }: RunMount, agents: number): string {
  // A secret in a variable needs no file.
  if (type === 'secret') return env === '' ? `/run/secrets/${posix.basename(id || source)}` : '';
  return type === 'ssh' ? `/run/buildkit/ssh_agent.${agents}` : '';
}

function gitVertex(url: string, { keepGitDir, checksum }: CopyInstruction): Vertex {
  const source = parseGitUrl(url);
  if (checksum !== '' && source.checksum !== '' && checksum !== source.checksum) throw invalidParameter(`checksum conflicts: ${checksum} and ${source.checksum}`, { object: url });
  return vertex({ kind: 'git', ...source, keepGitDirectory: keepGitDir || source.keepGitDirectory, checksum: checksum || source.checksum });
}

const isUrl = (text: string): boolean => /^https?:\/\//.test(text);

/** Of what is not downloaded nothing is compared. Throws invalid-parameter in BuildKit's words. */
function checkChecksum(checksum: string, paths: readonly string[]): void {
  if (checksum === '') return;
  if (!paths.every((path) => isUrl(path) || isGitUrl(path))) throw invalidParameter('checksum requires HTTP(S) or Git sources');
  if (paths.length > 1) throw invalidParameter("checksum can't be specified for multiple sources");
  if (paths.every(isGitUrl)) return;
  if (!checksum.startsWith('sha256:')) throw invalidParameter(/^[a-z0-9+._-]+:./.test(checksum) ? 'unsupported digest algorithm' : 'invalid checksum digest format');
  if (!/^sha256:[0-9a-f]{64}$/.test(checksum)) throw invalidParameter('invalid checksum digest length');
}

function refused<Result>(action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    throw invalidParameter((error as Error).message, { cause: error });
  }
}

function modeOf(text: string): string {
  if (text === '' || parseFileMode(text) !== undefined) return text;
  throw invalidParameter(`invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`);
}

/** `RUN --network` over what the build is asked for. */
function networkOf(instruction: string, build: string): string {
  switch (instruction) {
    case '': case 'default': return build;
    case 'none': return 'none';
    case 'host':
      if (build === 'host') return 'host';
      throw invalidParameter('the --network=host option is not allowed: start the build with the network mode host');
    default: throw new TypeError(`a network mode that was not parsed: ${instruction}`);
  }
}

/** A here-document that is all there is is the script; others are given to the shell behind the command. */
function withHeredocs({ command, heredocs }: RunInstruction): CommandLine {
  const [first] = heredocs;
  if (first === undefined || command.form === 'exec') return command;
  const line = command.words[0] ?? '';
  if (parseHeredocWord(line.trim()) !== undefined && heredocs.length === 1) return { ...command, words: [scriptOf(heredocText(first))] };
  return { ...command, words: [[line, ...heredocs.map(({ content, name }) => `${content}${name}`)].join('\n')] };
}

/** A script that names its interpreter runs in it: the shell hands it over on a descriptor. */
function scriptOf(text: string): string {
  const interpreter = /^#!\s*(\S.*)\n/.exec(text)?.[1];
  if (interpreter === undefined) return text;
  return `exec ${interpreter} /dev/fd/3 3<<'CAISSON_SCRIPT_END'\n${text}CAISSON_SCRIPT_END\n`;
}
