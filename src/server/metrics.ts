/**
 * Numbers for Prometheus, in its text format 0.0.4. No label has values of a client's making, so a scan
 * makes no more series.
 */
import type { GateEvent } from './connection-gate.ts';
import type { SeenRequest } from './request-watch.ts';

/** What is measured when it is asked for. */
export type Gauges = {
  readonly connections: { readonly open: number; readonly busy: number };
  readonly streams: number;
};

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'OPTIONS']);
const EVENTS: readonly GateEvent[] = ['evicted', 'full', 'address', 'slow', 'malformed', 'timeout'];
/** Upper bounds, in seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** Counts what a server does. */
export class Metrics {
  readonly #requests = new Map<string, number>();
  readonly #events = new Map<GateEvent, number>(EVENTS.map((event) => [event, 0]));
  readonly #buckets: number[] = BUCKETS.map(() => 0);
  #count = 0;
  #seconds = 0;
  #bytes = 0;
  #cut = 0;

  /** Counts a request. */
  countRequest({ request, status, bytes, ms, isCut }: SeenRequest): void {
    const method = METHODS.has(request.method ?? '') ? request.method : 'other';
    const series = `method="${method}",status="${status}"`;
    this.#requests.set(series, (this.#requests.get(series) ?? 0) + 1);
    this.#bytes += bytes;
    if (isCut) this.#cut += 1;
    // Live events and downloads take as long as the client likes: that is not how fast we are.
    const seconds = ms / 1000;
    this.#count += 1;
    this.#seconds += seconds;
    const at = BUCKETS.findIndex((bound) => seconds <= bound);
    if (at !== -1) this.#buckets[at] = (this.#buckets[at] ?? 0) + 1;
  }

  /** Counts a connection that was refused or ended. */
  countEvent(event: GateEvent): void {
    this.#events.set(event, (this.#events.get(event) ?? 0) + 1);
  }

  /** Returns all of it as text. */
  text({ connections, streams }: Gauges): string {
    const { rss, heapUsed } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const lines = [
      ...this.#requestLines(),
      ...family('drayer_response_bytes_total', 'counter', 'Bytes of response bodies.', this.#bytes),
      ...family('drayer_responses_cut_total', 'counter', 'Responses cut off.', this.#cut),
      ...this.#eventLines(),
      ...family('drayer_connections', 'gauge', 'Open connections.', connections.open),
      ...family('drayer_connections_busy', 'gauge', 'Those with a request.', connections.busy),
      ...family('drayer_streams', 'gauge', 'Hosted streams.', streams),
      ...family('process_resident_memory_bytes', 'gauge', 'Memory.', rss),
      ...family('nodejs_heap_size_used_bytes', 'gauge', 'Of it, JavaScript.', heapUsed),
      ...family('process_cpu_seconds_total', 'counter', 'CPU time.', (user + system) / 1e6),
      ...family(
        'process_start_time_seconds',
        'gauge',
        'Start.',
        Math.round(Date.now() / 1000 - process.uptime()),
      ),
    ];
    return `${lines.join('\n')}\n`;
  }

  #requestLines(): string[] {
    const total = 'drayer_requests_total';
    const time = 'drayer_request_duration_seconds';
    const lines = head(total, 'counter', 'Requests that were answered, or given up.');
    for (const [series, count] of this.#requests) lines.push(`${total}{${series}} ${count}`);
    lines.push(...head(time, 'histogram', 'From the last header line to the end of the answer.'));
    let below = 0;
    for (const [index, bound] of BUCKETS.entries()) {
      below += this.#buckets[index] ?? 0;
      lines.push(`${time}_bucket{le="${bound}"} ${below}`);
    }
    lines.push(`${time}_bucket{le="+Inf"} ${this.#count}`);
    return [...lines, `${time}_sum ${this.#seconds}`, `${time}_count ${this.#count}`];
  }

  #eventLines(): string[] {
    const name = 'drayer_connections_ended_total';
    const lines = head(name, 'counter', 'Connections that were refused or ended, by reason.');
    for (const [event, count] of this.#events) lines.push(`${name}{reason="${event}"} ${count}`);
    return lines;
  }
}

function family(name: string, type: 'counter' | 'gauge', help: string, value: number): string[] {
  return [...head(name, type, help), `${name} ${value}`];
}

function head(name: string, type: 'counter' | 'gauge' | 'histogram', help: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}
