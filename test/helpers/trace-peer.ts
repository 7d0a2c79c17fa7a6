/** The original of a recorded trace at one of its steps, as a peer: replays what it really answered. */
import { readdirSync } from 'node:fs';
import { vectorJson } from './old-wire.ts';
import type { Scope } from './scope.ts';
import { type ScriptedPeer, scriptedPeer, send } from './scripted-peer.ts';

/** A row of the writer, as the trace has it. */
export type TraceRow = {
  id: number;
  type: string;
  key: string;
  timestamp: number;
  modified: number;
  prev: number;
  prevchange: number;
  value_b64: string;
  hash_hex: string;
  signature_hex: string;
};

/** What the original answered. */
export type TraceReply = { status: number; body: string };

/** One step of a trace. */
export type TraceStep = {
  tip: number;
  writer: TraceRow[];
  newRecords?: Record<string, TraceReply>;
  crdr?: Record<string, TraceReply>;
};

/** A recorded conversation. */
export type Trace = { pubkey_b64: string; steps: TraceStep[]; bodies: Record<string, string> };

/** Names of all traces. */
export const TRACES: readonly string[] = readdirSync(
  new URL('../vectors/sync-traces/', import.meta.url),
).sort();

/** Reads a trace. */
export function readTrace(name: string): Trace {
  return vectorJson<Trace>(`sync-traces/${name}`);
}

/** An original that can be moved from step to step. */
export type TracePeer = ScriptedPeer & { at(step: TraceStep): void };

/**
 * Starts the original of a trace. It takes a key in its own spelling only, answers 404 to any query
 * and 500 where it has nothing, as the original does.
 */
export async function tracePeer(t: Scope, trace: Trace): Promise<TracePeer> {
  let step: TraceStep | undefined;
  const key = encodeURIComponent(trace.pubkey_b64);
  const peer = await scriptedPeer(t, (path, response) => {
    const parts = /^\/([^/]+)\/(newRecords|crdr)\/(\d+)(\?.*)?$/.exec(path);
    if (parts === null || parts[1] !== key) return send(response, 'no such stream', 500);
    if (parts[4] !== undefined) return send(response, 'unexpected query', 404);
    const [, , operation, number = ''] = parts;
    const asked = operation === 'crdr' ? Math.min(Number(number), step?.tip ?? 0) : Number(number);
    const replies = operation === 'crdr' ? step?.crdr : step?.newRecords;
    const reply = replies?.[String(asked)];
    const body = reply && trace.bodies[reply.body];
    if (reply?.status !== 200 || body === undefined) return send(response, 'nothing', 500);
    return send(response, Buffer.from(body, 'base64'));
  });
  return Object.assign(peer, {
    at: (next: TraceStep) => {
      step = next;
    },
  });
}
