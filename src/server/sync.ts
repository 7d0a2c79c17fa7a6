/** The sync endpoints of one stream: from what the path asks to the file that answers it. */
import type { Context } from 'koa';
import { DrayerError } from '../core/errors.ts';
import { readForkProof } from '../store/fork-proof.ts';
import type { StreamReader } from '../store/reader.ts';
import { requireChecked } from '../store/unchecked.ts';
import { isForkProof } from '../wire/fork-proof.ts';
import type { StreamRequest } from '../wire/path-parser.ts';
import type { AnnouncedDesk } from './announced.ts';
import { compressed } from './compress.ts';
import { bodyEtag, stateEtag } from './etag.ts';
import type { EventHub } from './events.ts';
import { listJson } from './lists.ts';
import { checkMethod, READING } from './methods.ts';
import { notFound } from './problem.ts';
import { sendProof, sendRecord, sendRepairRecord } from './record.ts';
import { encodePage } from './record-page.ts';
import { sendRecordStream } from './record-stream.ts';
import { sendMade } from './reply.ts';
import { OCTETS, sendRawValue, sendValueByHash } from './value.ts';
import type { ValueCache } from './value-cache.ts';

/** What sync endpoints share. */
export type SyncContext = {
  readonly values: ValueCache;
  readonly hub: EventHub;
  /** A client that takes nothing of `newRecords` for so long is cut. */
  readonly idleMs: number;
  /** Undefined where nothing here mirrors. */
  readonly announced?: AnnouncedDesk | undefined;
};

/** A request to a sync endpoint; the files of a site are served elsewhere. */
export type SyncRequest = Exclude<
  StreamRequest,
  { readonly operation: 'webAccess' } | { readonly operation: 'index' }
>;

/**
 * Answers a request to a sync endpoint.
 *
 * @throws {DrayerError} NOT_FOUND, RECORD_NOT_FOUND, VALUE_NOT_HELD, METHOD_NOT_ALLOWED, NOT_SUPPORTED
 * @throws {DrayerError} SIGNATURES_UNCHECKED for records, while those of the stream are
 */
export async function answerSync(
  ctx: Context,
  reader: StreamReader,
  { request, shared }: { readonly request: SyncRequest; readonly shared: SyncContext },
): Promise<void> {
  const { operation } = request;
  checkMethod(ctx, POSTED.has(operation) ? ['POST'] : READING, operation);
  if (HANDS_ON.has(operation)) requireChecked(reader);
  switch (request.operation) {
    case 'newRecords':
      return sendNewRecords(ctx, reader, { request, idleMs: shared.idleMs });
    case 'value':
      return sendValueByHash(ctx, reader, shared.values, request.hash);
    case 'record':
      return request.proof ? sendProof(ctx, reader, request) : sendRecord(ctx, reader, request);
    case 'crdr':
      return sendRepairRecord(ctx, reader, request);
    case 'newestRecordsJSON':
      return sendJson(ctx, () => listJson(reader, request.type, { ...request, order: 'id' }));
    case 'listRecordsJSON':
      return sendJson(ctx, () => listJson(reader, request.type, { ...request, order: 'modified' }));
    case 'rawwebacess':
      return sendRawValue(ctx, reader, shared.values, request);
    case 'events':
      return shared.hub.follow(ctx, reader);
    case 'forkProof':
      return sendForkProof(ctx, reader);
    case 'newRecordAvailable':
      if (shared.announced !== undefined) return shared.announced.take(ctx, reader);
      throw new DrayerError('NOT_SUPPORTED', 'nothing here mirrors, so there is nobody to tell');
    default:
      throw new DrayerError('NOT_SUPPORTED', `this server does not take ${request.operation} yet`);
  }
}

/** Sends JSON, compressed for clients that take it. */
export async function sendJson(ctx: Context, make: () => string): Promise<void> {
  await compressed(ctx, async () => {
    const body = Buffer.from(make());
    const type = 'application/json; charset=utf-8';
    sendMade(ctx, { type, etag: bodyEtag(body), make: () => body });
  });
}

/** Both records that prove two histories of the stream, as the mirror that found them wrote them (R16). */
function sendForkProof(ctx: Context, reader: StreamReader): void {
  const proof = readForkProof(reader.path);
  if (proof === undefined || !isForkProof(proof, reader.publicKey)) {
    throw notFound('nothing here proves two histories of this stream');
  }
  sendMade(ctx, { type: OCTETS, etag: bodyEtag(proof), make: () => proof });
}

async function sendNewRecords(
  ctx: Context,
  reader: StreamReader,
  {
    request,
    idleMs,
  }: {
    readonly request: Extract<SyncRequest, { readonly operation: 'newRecords' }>;
    readonly idleMs: number;
  },
): Promise<void> {
  const { since, limit, inline, head } = request;
  if (limit === undefined && inline === undefined && head === undefined) {
    await sendRecordStream(ctx, reader, { since, idleMs });
    return;
  }
  reader.reading(() => {
    ctx.set('Drayer-Tip', String(reader.view.modifiedTip()));
    const etag = stateEtag(reader.view);
    const make = (): Uint8Array => {
      const { body, last } = encodePage(reader, request);
      // Known before the body has arrived: who wants the next page can ask for it meanwhile.
      if (last !== undefined) ctx.set('Drayer-Last', String(last));
      return body;
    };
    sendMade(ctx, { type: OCTETS, etag, make });
  });
}

/** What gives records to peers, or names those there are; a value is proved by its hash, whoever asks. */
const HANDS_ON: ReadonlySet<string> = new Set([
  ...['newRecords', 'record', 'crdr'],
  ...['newestRecordsJSON', 'listRecordsJSON'],
]);

const POSTED: ReadonlySet<string> = new Set(['newRecordAvailable', 'values', 'lease', 'records']);
