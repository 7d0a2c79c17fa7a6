/**
 * A router made for tests: SSDP, a description, SOAP and NAT-PMP, with a table of ports and everything that
 * a router can do wrong. In a program of its own (`router-child.ts`) it stands in a network of its own.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What it does otherwise than a good router. */
export type RouterWays = {
  /** Address that it is asked at. Default: 127.0.0.1. */
  readonly host?: string | undefined;
  /** Ports for SSDP and NAT-PMP. Default: any free ones. */
  readonly ports?: { readonly pmp: number; readonly ssdp: number } | undefined;
  /** What it speaks. Default: both. */
  readonly speaks?: readonly ('pmp' | 'upnp')[] | undefined;
  /** Its address at the outside. Default: 1.2.3.4, which is public. */
  readonly outside?: string | undefined;
  /** In the place of the answer of NAT-PMP. */
  readonly pmp?:
    | ((request: Buffer, answer: Buffer, from: RemoteInfo) => readonly Uint8Array[])
    | undefined;
  /** In the place of the answer of SSDP. */
  readonly ssdp?: ((location: string, target: string) => readonly string[]) | undefined;
  /** In the place of the description. */
  readonly description?: ((xml: string) => string) | undefined;
  /** Told what it is asked. */
  readonly onAsked?: ((what: string) => void) | undefined;
  /** Path that it has nothing at. */
  readonly missing?: string | undefined;
  /** Where it leads who asks for the description. */
  readonly redirect?: string | undefined;
  /** In the place of what an action comes to: a number of an error, or a text that is sent as it is. */
  readonly action?:
    | ((name: string, args: ReadonlyMap<string, string>) => number | string | undefined)
    | undefined;
};

/** One port that it leads somewhere. */
export type Leading = { readonly to: string; readonly leaseS: number; readonly by: 'pmp' | 'upnp' };

/** A running router. */
export type RouterSim = {
  /** Open ports, by their number at the outside. */
  readonly table: Map<number, Leading>;
  /** What was asked of it, in order: `pmp 2 33125`, `AddPortMapping 33125`, `GET /root.xml`. */
  readonly asked: string[];
  /** Resolves once something that begins so was asked `times` times. */
  wasAsked(prefix: string, times?: number): Promise<void>;
  readonly ports: { readonly pmp: number; readonly ssdp: number };
  readonly httpPort: number;
  close(): Promise<void>;
};

/** An action that comes to this is never answered. */
export const HANG = 'hang';

const SERVICE = 'urn:schemas-upnp-org:service:WANIPConnection:1';

/** Starts one. */
export async function routerSim(ways: RouterWays = {}): Promise<RouterSim> {
  const { host = '127.0.0.1', speaks = ['pmp', 'upnp'] } = ways;
  const table = new Map<number, Leading>();
  const asked: string[] = [];
  const waiting = new Set<() => void>();
  const note = (what: string): void => {
    asked.push(what);
    ways.onAsked?.(what);
    for (const look of waiting) look();
  };
  const http = await upnpServer(ways, table, note);
  const { port: httpPort } = http.address() as AddressInfo;
  const ssdp = await listen(host, ways.ports?.ssdp, (socket, datagram, from) => {
    const target = /^ST: (.*)$/m.exec(datagram.toString())?.[1]?.trim() ?? '';
    note(`M-SEARCH ${target}`);
    if (!speaks.includes('upnp') || !target.endsWith(':1')) return;
    const location = `http://${host}:${httpPort}/root.xml`;
    const answers = ways.ssdp?.(location, target) ?? [ssdpAnswer(location, target)];
    for (const answer of answers) socket.send(answer, from.port, from.address);
  });
  const pmp = await listen(host, ways.ports?.pmp, (socket, request, from) => {
    note(`pmp ${request[1]} ${request.length >= 12 ? request.readUInt32BE(8) : ''}`.trim());
    const answer = pmpAnswer(request, { table, from: from.address, outside: ways.outside });
    for (const one of ways.pmp?.(request, answer, from) ?? [answer])
      socket.send(one, from.port, from.address);
  });
  const ports = { pmp: portOf(pmp), ssdp: portOf(ssdp) };
  let closing: Promise<void> | undefined;
  // Nobody listens there.
  if (!speaks.includes('pmp')) pmp.close();
  return {
    table,
    asked,
    ports,
    httpPort,
    wasAsked: (prefix, times = 1) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (asked.filter((what) => what.startsWith(prefix)).length < times) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    close: () => {
      closing ??= new Promise((resolve) => {
        ssdp.close();
        if (speaks.includes('pmp')) pmp.close();
        http.closeAllConnections();
        http.close(() => resolve());
      });
      return closing;
    },
  };
}

/** A good answer of SSDP. */
export function ssdpAnswer(location: string, target: string): string {
  return `HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: ${target}\r\nUSN: uuid:1::${target}\r\nEXT:\r\nLOCATION: ${location}\r\n\r\n`;
}

function portOf(socket: Socket): number {
  return socket.address().port;
}

async function listen(
  host: string,
  port: number | undefined,
  onDatagram: (socket: Socket, datagram: Buffer, from: RemoteInfo) => void,
): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  socket.on('message', (datagram, from) => onDatagram(socket, datagram, from));
  socket.bind(port ?? 0, host);
  await once(socket, 'listening');
  return socket;
}

type Pmp = {
  readonly table: Map<number, Leading>;
  readonly from: string;
  readonly outside: string | undefined;
};

function pmpAnswer(request: Buffer, { table, from, outside = '1.2.3.4' }: Pmp): Buffer {
  const answer = Buffer.alloc(request[1] === 0 ? 12 : 16);
  answer[1] = 128 + (request[1] ?? 0);
  if (request[1] === 0) {
    answer.set(outside.split('.').map(Number), 8);
    return answer;
  }
  const [inside, wished, leaseS] = [
    request.readUInt16BE(4),
    request.readUInt16BE(6),
    request.readUInt32BE(8),
  ];
  const to = `${from}:${inside}`;
  for (const [port, entry] of table) if (leaseS === 0 && entry.to === to) table.delete(port);
  const taken = table.get(wished);
  const port = taken === undefined || taken.to === to ? wished : wished + 1;
  if (leaseS > 0) table.set(port, { to, leaseS, by: 'pmp' });
  answer.writeUInt16BE(inside, 8);
  answer.writeUInt16BE(leaseS === 0 ? 0 : port, 10);
  answer.writeUInt32BE(leaseS, 12);
  return answer;
}

async function upnpServer(
  ways: RouterWays,
  table: Map<number, Leading>,
  note: (what: string) => void,
): Promise<Server> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      if (request.method === 'GET') {
        note(`GET ${request.url}`);
        response.setHeader('Content-Type', 'text/xml');
        if (request.url === ways.missing) response.statusCode = 404;
        if (ways.redirect !== undefined) {
          response.statusCode = 302;
          response.setHeader('Location', ways.redirect);
        }
        response.end(ways.description?.(DESCRIPTION) ?? DESCRIPTION);
        return;
      }
      const body = Buffer.concat(parts).toString();
      const name = /#(\w+)"$/.exec(String(request.headers['soapaction']))?.[1] ?? '';
      const args = new Map(
        [...body.matchAll(/<(New\w+)>([^<]*)</g)].map(([, k = '', v = '']) => [k, v]),
      );
      note(
        `${name} ${args.get('NewExternalPort') ?? ''} ${args.get('NewLeaseDuration') ?? ''}`.trim(),
      );
      const result = ways.action?.(name, args) ?? act(name, args, table, ways.outside ?? '1.2.3.4');
      if (result === HANG) return;
      response.statusCode = typeof result === 'number' ? 500 : 200;
      response.end(typeof result === 'number' ? faultOf(result) : result);
    });
  });
  server.listen(0, ways.host ?? '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** What a good router does. */
function act(
  name: string,
  args: ReadonlyMap<string, string>,
  table: Map<number, Leading>,
  outside: string,
): number | string {
  const port = Number(args.get('NewExternalPort'));
  const entry = table.get(port);
  // Strict, as many are: an entry is known by its protocol too.
  if (args.has('NewExternalPort') && args.get('NewProtocol') !== 'TCP') return 402;
  switch (name) {
    case 'GetExternalIPAddress':
      return soapAnswer(name, { NewExternalIPAddress: outside });
    case 'GetSpecificPortMappingEntry': {
      if (entry === undefined) return 714;
      const [address = '', inside = ''] = entry.to.split(':');
      return soapAnswer(name, { NewInternalClient: address, NewInternalPort: inside });
    }
    case 'AddPortMapping': {
      const to = `${args.get('NewInternalClient')}:${args.get('NewInternalPort')}`;
      if (entry !== undefined && entry.to !== to) return 718;
      table.set(port, { to, leaseS: Number(args.get('NewLeaseDuration')), by: 'upnp' });
      return soapAnswer(name, {});
    }
    case 'DeletePortMapping':
      if (entry === undefined) return 714;
      table.delete(port);
      return soapAnswer(name, {});
    default:
      return 401;
  }
}

/** An answer to an action. */
export function soapAnswer(name: string, values: Readonly<Record<string, string>>): string {
  const fields = Object.entries(values).map(([key, value]) => `<${key}>${value}</${key}>`);
  return `<?xml version="1.0"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Body><m:${name}Response xmlns:m="${SERVICE}">${fields.join('')}</m:${name}Response></SOAP-ENV:Body></SOAP-ENV:Envelope>`;
}

function faultOf(code: number): string {
  return `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>${code}</errorCode><errorDescription>No &amp; no</errorDescription></UPnPError></detail></s:Fault></s:Body></s:Envelope>`;
}

const DESCRIPTION = `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor></specVersion>
<device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><friendlyName>A &lt;router&gt;</friendlyName>
<serviceList><service><serviceType>urn:schemas-upnp-org:service:Layer3Forwarding:1</serviceType><controlURL>/l3f</controlURL></service></serviceList>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType><deviceList><device>
<serviceList><service><serviceType>${SERVICE}</serviceType><serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId><controlURL>/ctl/IPConn</controlURL><eventSubURL>/evt</eventSubURL><SCPDURL>/scpd.xml</SCPDURL></service></serviceList>
</device></deviceList></device></deviceList></device></root>`;
