/**
 * Has the router lead a port from the Internet to this machine for as long as it is wanted: NAT-PMP first,
 * then UPnP; asks again long before it runs out, finds the router anew after this machine has moved, and
 * takes it back at the end. Without a router it goes on trying.
 */
import { networkInterfaces } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { isGlobalUnicast } from './dht-address.ts';
import { findWay, type Way } from './router-gateway.ts';
import type { Mapped, MapWish, RouterMapper } from './router-mapper.ts';
import { findPmp } from './router-pmp.ts';
import type { SsdpSearch } from './router-ssdp.ts';
import { findUpnp } from './router-upnp.ts';

/** Options of {@link Router}. */
export type RouterOptions = {
  /** TCP port of this machine. */
  readonly port: number;
  /** The address that is listened on, where it is not every one. */
  readonly host?: string | undefined;
  /** Told whenever it is open in another way than before, or no longer. */
  readonly onState?: ((state: RouterState) => void) | undefined;
  /** Seconds that the router is asked for. Default: 3,600. */
  readonly leaseS?: number | undefined;
  /** Longest time to the next request, ms. Default: 10 minutes. */
  readonly renewMs?: number | undefined;
  /** To the next try after one that failed, ms. Default: a minute. */
  readonly againMs?: number | undefined;
  /** Between two looks whether this machine is still where it was, ms. Default: 5 s. */
  readonly lookMs?: number | undefined;
  /** In the place of {@link findWay}. */
  readonly way?: (() => Promise<Way | undefined>) | undefined;
  /** Where NAT-PMP and SSDP are, and how long is searched; for a router made for a test. */
  readonly places?: { readonly pmp?: number; readonly ssdp?: SsdpSearch } | undefined;
};

/** How it is. */
export type RouterState =
  | {
      readonly is: 'open';
      readonly by: RouterMapper['name'];
      readonly gateway: string;
      /** The router's address at the outside; undefined where it does not say one. */
      readonly address: string | undefined;
      /** Whether that is an address of the public Internet: otherwise there is another router outside. */
      readonly isPublic: boolean;
      readonly outsidePort: number;
      readonly port: number;
      /** 0: it stays open until it is taken back, also when this machine is switched off. */
      readonly leaseS: number;
    }
  | { readonly is: 'closed'; readonly error: DrayerError; readonly againMs: number };

const LEASE_S = 3_600;
const RENEW_MS = 600_000;
const AGAIN_MS = 60_000;
const LOOK_MS = 5_000;
/** Also where a router says that it forgets everything at once. */
const LEAST_MS = 10_000;
/** For all that is asked at one time. */
const MOST_MS = 20_000;
/** A process that is told to end has three seconds. */
const CLOSE_MS = 1_500;

/** A port that is kept open. */
export class Router {
  readonly #options: RouterOptions;
  readonly #end = new AbortController();
  /** Who has been asked to open it, and may have done so. */
  readonly #asked = new Set<RouterMapper>();
  #last: { readonly mapper: RouterMapper; readonly way: Way } | undefined;
  #state: RouterState | undefined;
  #running: Promise<void> | undefined;
  #closing: Promise<DrayerError | undefined> | undefined;

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  /** Begins; returns at once. */
  open(): void {
    this.#running ??= this.#run();
  }

  /** How it is; undefined before the first try is over. */
  get state(): RouterState | undefined {
    return this.#state;
  }

  /**
   * Takes it back, and ends. Idempotent; takes at most 1.5 s.
   *
   * @returns what kept the router from being told, where it could not be
   */
  close(): Promise<DrayerError | undefined> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<DrayerError | undefined> {
    this.#end.abort();
    const signal = AbortSignal.timeout(CLOSE_MS);
    await this.#running;
    const results = await Promise.all([...this.#asked].map((one) => unmap(one, signal)));
    return results.find((error) => error !== undefined);
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    const { againMs = AGAIN_MS } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#sleep(await this.#map());
      } catch (error) {
        if (signal.aborted) return;
        this.#tell({ is: 'closed', error: asProblem(error), againMs });
        await wait(againMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  /** Asks once; returns the time to the next request. */
  async #map(): Promise<number> {
    const { port, leaseS = LEASE_S, renewMs = RENEW_MS } = this.#options;
    const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(MOST_MS)]);
    const way = await this.#way();
    const { mapper, mapped } = await this.#ask(
      way,
      { port, leaseS, outsidePort: this.#lastPort() },
      signal,
    );
    const address = await addressOf(mapper, signal);
    const isPublic = address !== undefined && isGlobalUnicast(address);
    const { gateway } = way;
    this.#tell({ is: 'open', by: mapper.name, gateway, address, isPublic, ...mapped, port });
    return renewAfterMs(mapped.leaseS, renewMs);
  }

  /** Asks the router that said yes the last time, else in every way there is. */
  async #ask(way: Way, wish: MapWish, signal: AbortSignal): Promise<Asked> {
    const known = this.#last;
    if (known !== undefined) {
      try {
        if (isSame(known.way, way)) {
          return { mapper: known.mapper, mapped: await known.mapper.map(wish, signal) };
        }
        await known.mapper.unmap(AbortSignal.any([signal, AbortSignal.timeout(CLOSE_MS)]));
        this.#asked.delete(known.mapper);
      } catch (error) {
        // It has begun anew, and describes itself elsewhere; or this machine is away from it.
        signal.throwIfAborted();
        asProblem(error);
      }
      this.#last = undefined;
    }
    const problems: DrayerError[] = [];
    for (const find of this.#ways(way, signal)) {
      try {
        const mapper = await find();
        this.#asked.add(mapper);
        const mapped = await mapper.map(wish, signal);
        this.#last = { mapper, way };
        return { mapper, mapped };
      } catch (error) {
        signal.throwIfAborted();
        problems.push(asProblem(error));
      }
    }
    throw theOneToTell(problems, way);
  }

  #ways(way: Way, signal: AbortSignal): readonly (() => Promise<RouterMapper>)[] {
    const { pmp, ssdp } = this.#options.places ?? {};
    return [() => findPmp(way, signal, pmp), () => findUpnp(way, signal, ssdp)];
  }

  async #way(): Promise<Way> {
    const { way: find = findWay, host } = this.#options;
    const way = await find();
    if (way === undefined) {
      throw new DrayerError('UNREACHABLE', 'there is no router: this machine has no way out');
    }
    if (host === undefined || host === '0.0.0.0' || host === '::' || host === way.local) return way;
    const message = `the router would lead to ${way.local}, and the server listens on ${host} only`;
    throw new DrayerError('USAGE', message, { hint: `--host ${way.local}, or --lan` });
  }

  /** Those who know the last one are to find it again. */
  #lastPort(): number {
    return this.#state?.is === 'open' ? this.#state.outsidePort : this.#options.port;
  }

  /** Until then, or until this machine has moved. */
  async #sleep(ms: number): Promise<void> {
    const { lookMs = LOOK_MS } = this.#options;
    const { signal } = this.#end;
    const untilMs = performance.now() + ms;
    while (!signal.aborted && performance.now() < untilMs) {
      const restMs = Math.max(1, Math.min(lookMs, untilMs - performance.now()));
      await wait(restMs, undefined, { signal }).catch(() => {});
      if (this.#last !== undefined && !isHere(this.#last.way)) return;
    }
  }

  #tell(state: RouterState): void {
    const isNews = this.#state === undefined || textOf(this.#state) !== textOf(state);
    this.#state = state;
    if (isNews) this.#options.onState?.(state);
  }
}

/** Time to the next request: half of what the router grants, so that one that is lost does no harm. */
export function renewAfterMs(leaseS: number, mostMs: number): number {
  const halfMs = leaseS === 0 ? mostMs : leaseS * 500;
  return Math.min(mostMs, Math.max(halfMs, LEAST_MS));
}

type Asked = { readonly mapper: RouterMapper; readonly mapped: Mapped };

async function unmap(mapper: RouterMapper, signal: AbortSignal): Promise<DrayerError | undefined> {
  try {
    await mapper.unmap(signal);
    return undefined;
  } catch (error) {
    return signal.aborted ? tooLate() : asProblem(error);
  }
}

/** That it does not tell its address keeps nobody from coming in. */
async function addressOf(mapper: RouterMapper, signal: AbortSignal): Promise<string | undefined> {
  try {
    return await mapper.outsideAddress(signal);
  } catch (error) {
    signal.throwIfAborted();
    asProblem(error);
    return undefined;
  }
}

/** Whatever goes wrong with a router is told, and no more: what is served does not depend on it. */
function asProblem(error: unknown): DrayerError {
  if (isDrayerError(error)) return error;
  if (error instanceof DOMException && error.name === 'TimeoutError') return tooLate();
  const reason = error instanceof Error ? error.message : String(error);
  const isSystem = error instanceof Error && 'code' in error;
  const code = isSystem ? 'UNREACHABLE' : 'INTERNAL';
  return new DrayerError(code, `the router cannot be asked: ${reason}`, { cause: error });
}

function tooLate(): DrayerError {
  return new DrayerError('UNREACHABLE', 'the router does not answer in time');
}

/** The most that is known: a no tells more than silence. */
function theOneToTell(problems: readonly DrayerError[], { gateway, local }: Way): DrayerError {
  const said = problems.find(({ code }) => code !== 'UNREACHABLE');
  if (said !== undefined) return said;
  const message = isGlobalUnicast(local)
    ? `no router has to open anything: this machine itself has the public address ${local}`
    : `no router opens ports: ${gateway} answers neither to NAT-PMP nor to UPnP`;
  const hint = `many have a switch for it in their settings, http://${gateway}/; or lead the port to ${local} by hand`;
  return new DrayerError('UNREACHABLE', message, { hint });
}

function isSame(a: Way, b: Way): boolean {
  return a.gateway === b.gateway && a.local === b.local;
}

/** Whether this machine still has the address that the port leads to. */
function isHere({ local }: Way): boolean {
  return Object.values(networkInterfaces()).some((all = []) =>
    all.some(({ address }) => address === local),
  );
}

function textOf(state: RouterState): string {
  return state.is === 'open'
    ? JSON.stringify({ ...state, leaseS: state.leaseS === 0 })
    : state.error.message;
}
