/** Arguments that say what is built, for what and on what (Dockerfile reference, "Automatic platform ARGs"). */
import { formatPlatform, type Platform } from '../../images/platform.ts';

export function platformArgs(build: Platform, target: Platform, stage: string): Record<string, string> {
  return { ...named('BUILD', build), ...named('TARGET', target), TARGETSTAGE: stage || 'default' };
}

const named = (prefix: string, platform: Platform): Record<string, string> => ({
  [`${prefix}PLATFORM`]: formatPlatform(platform), [`${prefix}OS`]: platform.os, [`${prefix}ARCH`]: platform.architecture, [`${prefix}VARIANT`]: platform.variant,
});
