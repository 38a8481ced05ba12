import { LaunchError } from '../shim.ts';

/** The LaunchError that `promise` rejects with; another error, or none, is thrown. */
export async function failureOf(promise: Promise<unknown>): Promise<LaunchError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof LaunchError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}
