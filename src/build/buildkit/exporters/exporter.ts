/** What becomes of a build that has been solved: an image, files at the client. */
import type { Credentials } from '../../../images/registry/credentials.ts';
import type { ImageService } from '../../../images/service.ts';
import type { StorageDriver } from '../../../storage/driver.ts';
import type { BuildJob } from '../build-job.ts';
import type { StageImage } from '../image-config.ts';

export interface ExportRequest {
  readonly job: BuildJob;
  readonly image: StageImage;
  /** Which of the build's exporters it is, from 0. */
  readonly index: number;
  /** As the client has given them: `name`, `dest`, … */
  readonly attributes: ReadonlyMap<string, string>;
}

export interface ExporterParts {
  readonly images: ImageService;
  readonly storage: StorageDriver;
  /** What the client says to the registry of a repository. */
  readonly credentials: (job: BuildJob, repository: string) => Promise<Credentials>;
}

/** Resolves to what the client is told: `containerimage.digest`, … */
export type Exporter = (parts: ExporterParts, request: ExportRequest) => Promise<Readonly<Record<string, string>>>;
