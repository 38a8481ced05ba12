import type { Command } from '../command.ts';
import { filtersQuery } from '../each.ts';
import { flag } from '../flags/spec.ts';
import { type Listing, printListing } from '../format/listing.ts';
import { ago, humanSize, localTime } from '../format/quantity.ts';
import { shortId } from '../format/table.ts';

interface Image {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[] | null;
  readonly Created: number;
  readonly Size: number;
  readonly SharedSize?: number;
  readonly Containers?: number;
}

/** One line of the list: an image under one of its names. */
interface Row {
  readonly image: Image;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

const NONE = '<none>';

export const command: Command = {
  usage: '[OPTIONS] [REPOSITORY[:TAG]]',
  summary: 'List images',
  flags: [
    flag('a,all', 'bool', 'Show intermediate images too'),
    flag('digests', 'bool', 'Show digests'),
    flag('f,filter', 'list', 'Show only those that match (dangling=true, label=a=b, reference=busy*)', { value: 'filter' }),
    flag('format', 'string', "'table', 'table TEMPLATE', 'json', or a Go template"),
    flag('no-trunc', 'bool', 'Do not shorten ids'),
    flag('q,quiet', 'bool', 'Show ids only'),
  ],
  least: 0,
  most: 1,
  async run(context, flags, args) {
    const filters = [...flags.list('filter'), ...args.map((reference) => `reference=${reference}`)];
    const query = { all: flags.bool('all'), digests: flags.bool('digests'), filters: filtersQuery(filters) };
    const engine = await context.engine();
    const images = await (await engine.request('GET', '/images/json', { query })).json<Image[]>();
    const rows = images.flatMap((image) => rowsOf(image, flags.bool('digests')));
    const options = { format: flags.string('format'), quiet: flags.bool('quiet') ? 'ID' : undefined };
    await printListing(listing(!flags.bool('no-trunc'), flags.bool('digests')), rows, options);
    return 0;
  },
};

function rowsOf(image: Image, digests: boolean): Row[] {
  const tags = (image.RepoTags ?? []).filter((tag) => tag !== '<none>:<none>');
  const repoDigests = (image.RepoDigests ?? []).filter((digest) => digest !== '<none>@<none>');
  const digestOf = (repository: string) => repoDigests.find((digest) => digest.startsWith(`${repository}@`))?.split('@')[1] ?? NONE;
  if (tags.length === 0) {
    const repositories = digests ? repoDigests : repoDigests.slice(0, 1);
    if (repositories.length === 0) return [{ image, repository: NONE, tag: NONE, digest: NONE }];
    return repositories.map((digest) => ({ image, repository: digest.split('@')[0] as string, tag: NONE, digest: digest.split('@')[1] ?? NONE }));
  }
  return tags.map((reference) => {
    const colon = reference.lastIndexOf(':');
    const repository = reference.slice(0, colon);
    return { image, repository, tag: reference.slice(colon + 1), digest: digestOf(repository) };
  });
}

const size = (bytes: number | undefined) => (bytes === undefined || bytes < 0 ? 'N/A' : humanSize(bytes, 3));

function listing(truncate: boolean, digests: boolean): Listing<Row> {
  return {
    columns: {
      ID: { header: 'IMAGE ID', value: ({ image }) => (truncate ? shortId(image.Id) : image.Id) },
      Repository: { header: 'REPOSITORY', value: ({ repository }) => repository },
      Tag: { header: 'TAG', value: ({ tag }) => tag },
      Digest: { header: 'DIGEST', value: ({ digest }) => digest },
      CreatedSince: { header: 'CREATED', value: ({ image }) => (image.Created > 0 ? ago(image.Created) : 'N/A') },
      CreatedAt: { header: 'CREATED AT', value: ({ image }) => localTime(image.Created) },
      Size: { header: 'SIZE', value: ({ image }) => size(image.Size) },
      VirtualSize: { header: 'SIZE', value: ({ image }) => size(image.Size) },
      SharedSize: { header: 'SHARED SIZE', value: ({ image }) => size(image.SharedSize) },
      UniqueSize: {
        header: 'UNIQUE SIZE',
        value: ({ image }) => ((image.SharedSize ?? -1) < 0 ? 'N/A' : size(image.Size - (image.SharedSize ?? 0))),
      },
      Containers: { header: 'CONTAINERS', value: ({ image }) => ((image.Containers ?? -1) < 0 ? 'N/A' : String(image.Containers)) },
    },
    table: ['Repository', 'Tag', ...(digests ? ['Digest'] : []), 'ID', 'CreatedSince', 'Size'],
  };
}
