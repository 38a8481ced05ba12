/** The commands by name: enough to list them, and how to load each. */
import type { Command } from './command.ts';

export interface Entry {
  readonly summary: string;
  readonly load: () => Promise<{ readonly command: Command }>;
  /** Other names of the same command inside its group. */
  readonly aliases?: readonly string[];
}

const run: Entry = { summary: 'Create and run a new container from an image', load: () => import('./commands/run.ts') };
const exec: Entry = { summary: 'Run a command in a running container', load: () => import('./commands/exec.ts') };
const ps: Entry = { summary: 'List containers', load: () => import('./commands/ps.ts') };
const images: Entry = { summary: 'List images', load: () => import('./commands/images.ts') };
const version: Entry = { summary: 'Show the versions of client and engine', load: () => import('./commands/version.ts') };
const info: Entry = { summary: 'Show what the engine runs on', load: () => import('./commands/info.ts') };
const attach: Entry = { summary: 'Join your terminal to a running container', load: () => import('./commands/attach.ts') };
const commit: Entry = { summary: "Make an image of a container's changes", load: () => import('./commands/commit.ts') };
const create: Entry = { summary: 'Create a container without starting it', load: () => import('./commands/create.ts') };
const history: Entry = { summary: 'Show how an image came about', load: () => import('./commands/history.ts') };
const importImage: Entry = { summary: 'Make an image of a tar archive of a file system', load: () => import('./commands/import.ts') };
const inspect: Entry = { summary: 'Show everything known about containers and images', load: () => import('./commands/inspect.ts') };
const kill: Entry = { summary: 'Send a signal to containers', load: () => import('./commands/kill.ts') };
const load: Entry = { summary: 'Load images from an archive', load: () => import('./commands/load.ts') };
const logs: Entry = { summary: 'Show what a container has printed', load: () => import('./commands/logs.ts') };
const pause: Entry = { summary: 'Freeze all processes of containers', load: () => import('./commands/pause.ts') };
const port: Entry = { summary: 'Show the ports of the host that lead to a container', load: () => import('./commands/port.ts') };
const rename: Entry = { summary: 'Give a container another name', load: () => import('./commands/rename.ts') };
const restart: Entry = { summary: 'Stop containers and start them again', load: () => import('./commands/restart.ts') };
const rm: Entry = { summary: 'Remove containers', load: () => import('./commands/rm.ts') };
const rmi: Entry = { summary: 'Remove images', load: () => import('./commands/rmi.ts') };
const save: Entry = { summary: 'Write images to an archive', load: () => import('./commands/save.ts') };
const start: Entry = { summary: 'Start stopped containers', load: () => import('./commands/start.ts') };
const stats: Entry = { summary: 'Show what containers use, as it changes', load: () => import('./commands/stats.ts') };
const stop: Entry = { summary: 'Stop running containers', load: () => import('./commands/stop.ts') };
const tag: Entry = { summary: 'Give an image another name', load: () => import('./commands/tag.ts') };
const top: Entry = { summary: 'Show the processes of a container', load: () => import('./commands/top.ts') };
const unpause: Entry = { summary: 'Thaw all processes of containers', load: () => import('./commands/unpause.ts') };
const update: Entry = { summary: 'Change limits and restart policies of containers', load: () => import('./commands/update.ts') };
const wait: Entry = { summary: 'Wait until containers stop, and print their exit codes', load: () => import('./commands/wait.ts') };
const events: Entry = { summary: 'Show what happens in the engine, as it happens', load: () => import('./commands/events.ts') };
const pull: Entry = { summary: 'Fetch an image from a registry', load: () => import('./commands/pull.ts') };
const push: Entry = { summary: 'Send an image to a registry', load: () => import('./commands/push.ts') };
const login: Entry = { summary: 'Log in to a registry', load: () => import('./commands/login.ts') };
const logout: Entry = { summary: 'Forget the credentials of a registry', load: () => import('./commands/logout.ts') };
const search: Entry = { summary: 'Search Docker Hub for images', load: () => import('./commands/search.ts') };
const imagePrune: Entry = { summary: 'Remove images that have no name, or are not used', load: () => import('./commands/image-prune.ts') };
const systemDf: Entry = { summary: 'Show what images, containers and volumes take on the disk', load: () => import('./commands/system-df.ts') };
const systemCheck: Entry = { summary: 'Compare what is recorded with what is on the disk, and explain each difference', load: () => import('./commands/system-check.ts') };
const containerPrune: Entry = { summary: 'Remove all stopped containers', load: () => import('./commands/container-prune.ts') };
const build: Entry = { summary: 'Build an image from a Dockerfile', load: () => import('./commands/build.ts') };
const builderPrune: Entry = { summary: 'Forget what building has given, and free its layers', load: () => import('./commands/builder-prune.ts') };
const daemon: Entry = { summary: 'Run the engine in the foreground', load: () => import('./commands/daemon.ts') };
const cp: Entry = { summary: 'Copy files between a container and the local file system', load: () => import('./commands/cp.ts') };
const diff: Entry = { summary: 'Show what a container has changed in its files', load: () => import('./commands/diff.ts') };
const exportContainer: Entry = { summary: 'Write the files of a container to a tar archive', load: () => import('./commands/export.ts') };
const volumeLs: Entry = { summary: 'List volumes', load: () => import('./commands/volume-ls.ts') };
const volumeClone: Entry = { summary: 'Make a new volume with what is in another one', load: () => import('./commands/volume-clone.ts') };
const volumeCreate: Entry = { summary: 'Create a volume', load: () => import('./commands/volume-create.ts') };
const volumeRm: Entry = { summary: 'Remove volumes', load: () => import('./commands/volume-rm.ts') };
const volumeInspect: Entry = { summary: 'Show everything known about volumes', load: () => import('./commands/volume-inspect.ts') };
const networkCreate: Entry = { summary: 'Create a network', load: () => import('./commands/network-create.ts') };
const networkConnect: Entry = { summary: 'Connect a container to a network', load: () => import('./commands/network-connect.ts') };
const networkDisconnect: Entry = { summary: 'Disconnect a container from a network', load: () => import('./commands/network-disconnect.ts') };
const networkInspect: Entry = { summary: 'Show everything known about networks', load: () => import('./commands/network-inspect.ts') };
const networkLs: Entry = { summary: 'List networks', load: () => import('./commands/network-ls.ts') };
const networkPrune: Entry = { summary: 'Remove networks that no container uses', load: () => import('./commands/network-prune.ts') };
const networkRm: Entry = { summary: 'Remove networks', load: () => import('./commands/network-rm.ts') };
const containerInspect: Entry = {
  summary: 'Show everything known about containers',
  load: () => import('./commands/container-inspect.ts'),
};
const imageInspect: Entry = { summary: 'Show everything known about images', load: () => import('./commands/image-inspect.ts') };

/** The commands most people come for, shown first by `caisson help`. */
export const COMMON = ['run', 'exec', 'ps', 'images', 'logs', 'stop', 'rm', 'pull', 'version', 'info'] as const;

export const COMMANDS: Readonly<Record<string, Entry>> = {
  run, exec, ps, images, build, version, info, attach, commit, create, events, history, import: importImage, inspect, kill, load, login, logout, logs, pause,
  port, pull, push, rename, restart, rm, rmi, save, search, start, stats, stop, tag, top, unpause, update, wait, daemon,
  cp, diff, export: exportContainer,
};

export interface Group {
  readonly summary: string;
  readonly commands: Readonly<Record<string, Entry>>;
}

export const GROUPS: Readonly<Record<string, Group>> = {
  builder: { summary: 'Manage what building has given', commands: { build, prune: builderPrune } },
  container: {
    summary: 'Manage containers',
    commands: {
      cp, diff, export: exportContainer, attach, commit, create, exec, inspect: containerInspect, kill, logs, ls: { ...ps, aliases: ['list', 'ps'] }, pause,
      port, prune: containerPrune, rename, restart, rm: { ...rm, aliases: ['remove'] }, run, start, stats, stop, top, unpause, update,
      wait,
    },
  },
  image: {
    summary: 'Manage images',
    commands: {
      build, history, import: importImage, inspect: imageInspect, load, ls: { ...images, aliases: ['list'] }, prune: imagePrune, pull, push,
      rm: { ...rmi, aliases: ['remove'] }, save, tag,
    },
  },
  network: {
    summary: 'Manage networks',
    commands: {
      connect: networkConnect, create: networkCreate, disconnect: networkDisconnect, inspect: networkInspect, ls: { ...networkLs, aliases: ['list'] }, prune: networkPrune,
      rm: { ...networkRm, aliases: ['remove'] },
    },
  },
  system: { summary: 'Look at the engine', commands: { check: systemCheck, df: systemDf, events, info } },
  volume: {
    summary: 'Manage volumes',
    commands: {
      clone: volumeClone, create: volumeCreate, inspect: volumeInspect, ls: { ...volumeLs, aliases: ['list'] }, rm: { ...volumeRm, aliases: ['remove'] },
    },
  },
};
