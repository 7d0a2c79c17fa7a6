/** Serving through a router: what becomes public, said before it does; then how it goes. */
import type { DrayerError } from '../core/errors.ts';
import type { Daemon } from '../daemon/daemon.ts';
import { withRouter } from '../daemon/router.ts';
import type { RouterState } from '../discovery/router.ts';
import { duration } from './format.ts';
import type { Teller } from './log.ts';
import type { ServingWay } from './serving.ts';

/** What `--upnp` makes public, in a sentence. */
const PUBLIC =
  '--upnp: asks your router to lead a port from the Internet here: everybody there can then open, list and ' +
  'copy what is served, and knows your address; when this ends, the port is closed again';

/** What else decides. */
type Surroundings = {
  /** Whether other machines can reach the server at all. */
  readonly isReachable: boolean;
  /** Whether it speaks HTTPS. */
  readonly isSecure: boolean;
};

/** The same way to serve, through a router; says first what becomes public by it. */
export function routerWay<Started extends Daemon>(
  { start, tell }: ServingWay<Started>,
  { isReachable, isSecure }: Surroundings,
): ServingWay<Started> {
  if (!isReachable) {
    const line = '--upnp: no port is opened: only this machine can reach the server; add --lan';
    tell.warn({ event: 'router-unused' }, line);
    return { start, tell };
  }
  tell.info({ event: 'router-public' }, PUBLIC);
  return {
    tell,
    start: withRouter(
      start,
      {},
      {
        onState: (state) => tellState(tell, state, isSecure ? 'https' : 'http'),
        onEnd: (last, error) => tellEnd(tell, last, error),
      },
    ),
  };
}

function tellEnd(tell: Teller, last: RouterState | undefined, error?: DrayerError): void {
  if (last?.is !== 'open') return;
  const { outsidePort: port, leaseS } = last;
  if (error === undefined) {
    tell.info({ event: 'router-end', port }, `port ${port} of the router is closed again`);
    return;
  }
  const until =
    leaseS === 0
      ? 'it stays open until it is closed there'
      : `it closes by itself within ${duration(leaseS * 1000)}`;
  const { code, message } = error;
  const line = `port ${port} of the router could not be closed: ${message}; ${until}`;
  tell.warn({ event: 'router-left', code, port, leaseS }, line);
}

function tellState(tell: Teller, state: RouterState, scheme: string): void {
  if (state.is === 'closed') {
    const {
      error: { code, message, hint },
      againMs,
    } = state;
    const line = `nobody from the Internet is let in: ${message}; again in ${duration(againMs)}`;
    tell.warn(
      { event: 'router-closed', code, againMs, hint },
      hint === undefined ? line : `${line} (${hint})`,
    );
    return;
  }
  const { by, gateway, address, isPublic, outsidePort, leaseS } = state;
  const host = address ?? 'ADDRESS';
  const usual = scheme === 'https' ? 443 : 80;
  const url = `${scheme}://${host}${outsidePort === usual ? '' : `:${outsidePort}`}/`;
  const fields = {
    event: 'router-open',
    by,
    gateway,
    address,
    port: outsidePort,
    leaseS,
    isPublic,
  };
  if (address === undefined) {
    tell.warn(
      fields,
      `the router ${gateway} leads its port ${outsidePort} here (${by}), but does not say which address it has at the outside`,
    );
  } else if (!isPublic) {
    tell.warn(
      fields,
      `the router ${gateway} leads ${url} here (${by}), but ${address} is no public address: there is another router in front of it, and the Internet does not get through`,
    );
  } else {
    tell.info({ ...fields, url }, `open to the Internet at ${url} (${by}, router ${gateway})`);
  }
  if (leaseS === 0) {
    tell.warn(
      { event: 'router-forever', port: outsidePort },
      `the router knows no end of it: if this machine is switched off, port ${outsidePort} stays open until it is closed there`,
    );
  }
}
