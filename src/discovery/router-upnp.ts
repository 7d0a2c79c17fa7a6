/**
 * UPnP (WANIPConnection and WANPPPConnection, versions 1 and 2): has the router open a port. A port that
 * leads to somebody else is left as it is, and what the router says that it did is looked at again.
 */
import { isIPv4 } from 'node:net';
import { type DrayerError, isDrayerError } from '../core/errors.ts';
import type { Way } from './router-gateway.ts';
import { askRouter, type RouterPlace } from './router-http.ts';
import {
  type Mapped,
  type MapWish,
  misbehaved,
  type RouterMapper,
  refused,
  unanswered,
} from './router-mapper.ts';
import {
  callService,
  FAULT,
  outsideAddressOf,
  type RouterService,
  type SoapAnswer,
} from './router-soap.ts';
import { placeAt, type SsdpSearch, searchRouter } from './router-ssdp.ts';
import { readDescription, textOf } from './router-xml.ts';

const CONNECTION = /^urn:schemas-upnp-org:service:WAN(?:IP|PPP)Connection:[12]$/;
const MOST_SERVICES = 4;
const MOST_TRIES = 8;
/** Of the ports that are nobody's (RFC 6335). */
const FIRST_FREE = 49_152;

/**
 * Finds the service of the router at the end of `way`.
 *
 * @throws {DrayerError} UNREACHABLE when none answers, PEER_MISBEHAVED when what answers is none
 */
export async function findUpnp(
  way: Way,
  signal: AbortSignal,
  search?: SsdpSearch,
): Promise<RouterMapper> {
  let problem: DrayerError = unanswered(way.gateway, 'UPnP');
  for await (const place of searchRouter(way, signal, search)) {
    try {
      const services = await describe(place, signal);
      const service = await connected(services, signal);
      if (service !== undefined) return new UpnpMapper(way, service);
      problem = misbehaved(way.gateway, 'a description without a service that opens ports');
    } catch (error) {
      // Whoever answers first must not keep others from being asked.
      if (!isDrayerError(error)) throw error;
      problem = error;
    }
  }
  signal.throwIfAborted();
  throw problem;
}

async function describe(place: RouterPlace, signal: AbortSignal): Promise<RouterService[]> {
  const { gateway, port, path } = place;
  const { status, text } = await askRouter(place, signal);
  if (status !== 200) throw misbehaved(gateway, `status ${status} for its description`);
  const { services, base = '' } = readDescription(text);
  const isOwn = placeAt(base, gateway) !== undefined && base !== '';
  const from = isOwn ? base : `http://${gateway}:${port}${path}`;
  return services
    .filter(({ type }) => CONNECTION.test(type))
    .slice(0, MOST_SERVICES)
    .flatMap(({ type, control }) => {
      const at = placeAt(control, gateway, from);
      return at === undefined ? [] : [{ type, place: at }];
    });
}

/** The one that has an address at the outside: many describe ways out that nobody uses. */
async function connected(
  services: readonly RouterService[],
  signal: AbortSignal,
): Promise<RouterService | undefined> {
  if (services.length < 2) return services[0];
  for (const service of services) {
    try {
      if ((await outsideAddressOf(service, signal)) !== undefined) return service;
    } catch (error) {
      if (!isDrayerError(error)) throw error;
    }
  }
  return services[0];
}

/** Whom a port leads to: `ADDRESS:PORT`, nobody, or the router does not tell. */
type Owner = string | 'nobody' | 'unknown';

class UpnpMapper implements RouterMapper {
  readonly name = 'UPnP';
  readonly #way: Way;
  readonly #service: RouterService;
  /** Ports that may be open for us. */
  readonly #opened = new Set<number>();

  constructor(way: Way, service: RouterService) {
    this.#way = way;
    this.#service = service;
  }

  async map(wish: MapWish, signal: AbortSignal): Promise<Mapped> {
    let { outsidePort } = wish;
    for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
      const leaseS = await this.#mapAt({ ...wish, outsidePort }, signal);
      if (leaseS !== undefined) return { outsidePort, leaseS };
      outsidePort = FIRST_FREE + Math.floor(Math.random() * (65_536 - FIRST_FREE));
    }
    throw refused(this.#way.gateway, `${MOST_TRIES} ports that were tried lead to others`);
  }

  async unmap(signal: AbortSignal): Promise<void> {
    for (const port of this.#opened) await this.#remove(port, signal);
  }

  async outsideAddress(signal: AbortSignal): Promise<string | undefined> {
    return await outsideAddressOf(this.#service, signal);
  }

  /** Undefined where the port leads to somebody else. */
  async #mapAt(wish: MapWish, signal: AbortSignal): Promise<number | undefined> {
    const { outsidePort, port } = wish;
    const own = `${this.#way.local}:${port}`;
    const before = await this.#ownerOf(outsidePort, signal);
    if (before !== 'nobody' && before !== 'unknown' && before !== own) return undefined;
    let leaseS = await this.#add(wish, signal);
    if (leaseS === undefined && before === own) {
      // A router that takes no second request for what it has.
      await this.#remove(outsidePort, signal);
      leaseS = await this.#add(wish, signal);
    }
    if (leaseS === undefined) return undefined;
    const after = await this.#ownerOf(outsidePort, signal);
    if (after === own || after === 'unknown') return leaseS;
    // What is another's is not to be taken from him at the end.
    if (after !== 'nobody') this.#opened.delete(outsidePort);
    const what = after === 'nobody' ? 'leads nowhere' : `leads to ${after}`;
    throw misbehaved(this.#way.gateway, `a yes, and port ${outsidePort} ${what}`);
  }

  /** For how long it is; undefined where the port is taken. */
  async #add(wish: MapWish, signal: AbortSignal): Promise<number | undefined> {
    const { outsidePort, port, leaseS } = wish;
    // Before it is asked: it may do so, and its answer be lost.
    this.#opened.add(outsidePort);
    const { fault, reason } = await this.#call('AddPortMapping', signal, {
      ...entry(outsidePort),
      NewInternalPort: port,
      NewInternalClient: this.#way.local,
      NewEnabled: 1,
      NewPortMappingDescription: 'drayer',
      NewLeaseDuration: leaseS,
    });
    if (fault === undefined) return leaseS;
    if (fault === FAULT.conflict) {
      this.#opened.delete(outsidePort);
      return undefined;
    }
    const isLease = fault === FAULT.onlyPermanent || fault === FAULT.arguments;
    if (isLease && leaseS > 0) return await this.#add({ ...wish, leaseS: 0 }, signal);
    this.#opened.delete(outsidePort);
    throw refused(this.#way.gateway, reason);
  }

  async #remove(port: number, signal: AbortSignal): Promise<void> {
    const { fault, reason } = await this.#call('DeletePortMapping', signal, entry(port));
    if (fault !== undefined && fault !== FAULT.noEntry) throw refused(this.#way.gateway, reason);
    this.#opened.delete(port);
  }

  async #ownerOf(port: number, signal: AbortSignal): Promise<Owner> {
    const { fault, text } = await this.#call('GetSpecificPortMappingEntry', signal, entry(port));
    if (fault !== undefined) return fault === FAULT.noEntry ? 'nobody' : 'unknown';
    const client = textOf(text, 'NewInternalClient') ?? '';
    const inside = textOf(text, 'NewInternalPort') ?? '';
    return isIPv4(client) && /^\d{1,5}$/.test(inside) ? `${client}:${inside}` : 'unknown';
  }

  async #call(
    action: string,
    signal: AbortSignal,
    values: Readonly<Record<string, string | number>>,
  ): Promise<SoapAnswer> {
    return await callService(this.#service, [action, values], signal);
  }
}

function entry(port: number): Readonly<Record<string, string | number>> {
  return { NewRemoteHost: '', NewExternalPort: port, NewProtocol: 'TCP' };
}
