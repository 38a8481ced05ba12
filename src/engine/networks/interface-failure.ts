/** What a shim could not do about a container's interfaces, in Docker's words. */
import { type CaissonError, systemError } from '../../errors.ts';
import { errnoName, errnoText } from '../../linux/errno.ts';
import { isParentDriver } from '../../network/parent-options.ts';
import { LaunchError } from '../../runtime/shim.ts';
import type { Container } from '../container.ts';
import type { EngineContext } from '../context.ts';

/** Undefined for any other failure. Of interfaces over a parent: the kernel refuses what another one there, or its mode, leaves no room for. */
export function interfaceFailure({ networks }: EngineContext, { record }: Pick<Container, 'record'>, error: unknown): CaissonError | undefined {
  if (!(error instanceof LaunchError) || error.operation?.name !== 'netlink') return undefined;
  const { operation: { links }, failure } = error;
  const why = errnoText(failure.errno);
  for (const { networkId, interfaceName, mac } of record.endpoints) {
    const network = networks.get(networkId);
    if (!isParentDriver(network.driver)) continue;
    if (links.includes(networks.parentOf(network).name)) return systemError(`failed to create the ${network.driver} port: ${why}`, { object: network.name, cause: error });
    if (links.includes(interfaceName) && errnoName(failure.errno) === 'EADDRINUSE') {
      return systemError(`failed to add interface ${interfaceName} to sandbox: error setting interface "${interfaceName}" MAC to "${mac}": ${why}`, { object: network.name, cause: error });
    }
  }
  return undefined;
}
