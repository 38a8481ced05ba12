/** Build checks on the classic way in: an extension, which clients of Docker's never ask for. */
import { isClass } from '../../errors.ts';
import type { Platform } from '../../images/platform.ts';
import type { ImageService } from '../../images/service.ts';
import { environmentIn } from '../checks/run.ts';
import { readContextFile } from '../context/dockerfile.ts';

export const readIgnore = (context: string): string => readContextFile(context, '.dockerignore') ?? '';

/** Nothing is asked of a registry for the sake of a warning. */
export function environmentHere(images: ImageService, name: string, platform: Platform | undefined): readonly string[] | undefined {
  try {
    return environmentIn(images.get(name, platform).config.config);
  } catch (error) {
    if (isClass(error, 'not-found') || isClass(error, 'invalid-parameter')) return undefined;
    throw error;
  }
}
