/** Arguments that say what is built for and on (Dockerfile reference, "Automatic platform ARGs"). */
import { formatPlatform, type Platform } from '../../images/platform.ts';

export function platformArgs(build: Platform, target: Platform): Record<string, string> {
  return { ...named('BUILD', build), ...named('TARGET', target) };
}

const named = (prefix: string, platform: Platform): Record<string, string> => ({
  [`${prefix}PLATFORM`]: formatPlatform(platform), [`${prefix}OS`]: platform.os, [`${prefix}ARCH`]: platform.architecture, [`${prefix}VARIANT`]: platform.variant,
});
