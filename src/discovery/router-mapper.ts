/** What the ways to ask a router have in common. */
import { DrayerError } from '../core/errors.ts';

/** What is asked for: that TCP at the outside is led to this machine. */
export type MapWish = {
  /** Port of this machine. */
  readonly port: number;
  /** Port at the outside that would be best. */
  readonly outsidePort: number;
  /** Seconds after which the router is to forget it, unless it is asked again. */
  readonly leaseS: number;
};

/** What the router says that it does. */
export type Mapped = {
  /** 1 … 65535. */
  readonly outsidePort: number;
  /** 0: until it is told otherwise. */
  readonly leaseS: number;
};

/** One way to ask one router. */
export interface RouterMapper {
  readonly name: 'NAT-PMP' | 'UPnP';
  /**
   * Asks for the port, or for more time for it.
   *
   * @throws {DrayerError} UNREACHABLE without an answer, ROUTER_REFUSED when it says no, PEER_MISBEHAVED
   *   for an answer that is none
   */
  map(wish: MapWish, signal: AbortSignal): Promise<Mapped>;
  /** Takes back whatever it may have done, also where its answer never came; throws as `map`. */
  unmap(signal: AbortSignal): Promise<void>;
  /** The router's address at the outside; undefined where it knows of none. Throws as `map`. */
  outsideAddress(signal: AbortSignal): Promise<string | undefined>;
}

/** The router has said no. */
export function refused(router: string, reason: string): DrayerError {
  return new DrayerError('ROUTER_REFUSED', `the router ${router} refuses: ${reason}`, {
    hint: 'many have a switch for UPnP or NAT-PMP in their settings; or lead the port here by hand',
  });
}

/** The router has answered, and it makes no sense. */
export function misbehaved(router: string, what: string): DrayerError {
  return new DrayerError('PEER_MISBEHAVED', `the router ${router} answers with ${what}`);
}

/** The router has not answered. */
export function unanswered(router: string, how: string): DrayerError {
  return new DrayerError('UNREACHABLE', `the router ${router} does not answer to ${how}`);
}
