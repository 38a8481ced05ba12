/** What a shim could not do about a container's interfaces, in Docker's words. */
import { type CaissonError, invalidParameter, systemError } from '../../errors.ts';
import { errnoName, errnoText } from '../../linux/errno.ts';
import { isParentDriver } from '../../network/parent-options.ts';
import { LaunchError } from '../../runtime/shim.ts';
import type { Container } from '../container.ts';
import type { EngineContext } from '../context.ts';

/** Undefined for any other failure. Of interfaces over a parent: the kernel refuses what another one there, or its mode, leaves no room for. */
export function interfaceFailure({ networks }: EngineContext, { record }: Pick<Container, 'record'>, error: unknown): CaissonError | undefined {
  if (error instanceof LaunchError && error.operation?.name === 'writeFile') return sysctlFailure(record, error.operation.path, error);
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

function sysctlFailure({ endpoints }: Container['record'], path: string, error: LaunchError): CaissonError | undefined {
  const endpoint = endpoints.find(({ interfaceName }) => path.startsWith('/proc/sys/') && path.includes(`/${interfaceName}/`));
  if (endpoint === undefined) return undefined;
  const { errno } = error.failure;
  const isNone = ['ENOENT', 'EISDIR', 'ENOTDIR'].includes(errnoName(errno));
  const why = isNone ? `${path} is not a sysctl file` : `unable to write to '${path}': write ${path}: ${errnoText(errno)}`;
  return invalidParameter(`failed to add interface ${endpoint.hostInterface || endpoint.interfaceName} to sandbox: ${why}`, { object: path, cause: error });
}
