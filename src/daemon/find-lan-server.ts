/** Where other machines of the network open a site that this machine serves, whichever process does. */
import { networkInterfaces } from 'node:os';
import { type Interfaces, listNetworks, urlOf } from '../discovery/networks.ts';
import { streamPath } from '../wire/paths.ts';
import { type FindServerOptions, findServer } from './find-server.ts';

/** Most addresses of this machine that are tried. */
const MOST_TRIED = 8;

/** Returns the address of a site, its key in it; undefined where nothing serves it to the network. */
export async function findLanServer(
  publicKey: Uint8Array,
  {
    interfaces = networkInterfaces,
    ...where
  }: FindServerOptions & { readonly interfaces?: (() => Interfaces) | undefined },
): Promise<string | undefined> {
  const four = listNetworks(interfaces()).filter(({ family }) => family === 'ipv4');
  for (const { address } of four.slice(0, MOST_TRIED)) {
    if ((await findServer(publicKey, { ...where, host: address })) === undefined) continue;
    const base = `${urlOf(address, where.port)}${where.mount ?? ''}`;
    return `${streamPath(publicKey, base)}/webAccess/`;
  }
  return undefined;
}
