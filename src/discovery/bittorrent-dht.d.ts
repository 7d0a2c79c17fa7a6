/** What is used of bittorrent-dht 11 and bencode 4, which bring no types. */

declare module 'bittorrent-dht' {
  import type { EventEmitter } from 'node:events';

  /** A signed value, as a put takes it and a get returns it (BEP 44). */
  export type MutableItem = {
    readonly k: Uint8Array;
    readonly salt?: Uint8Array | undefined;
    readonly seq: number;
    readonly v: unknown;
    readonly sig: Uint8Array;
  };

  export type DhtOptions = {
    /** Used in the place of a `dgram` socket: `send`, `bind`, `address`, `close`, and the events. */
    readonly socket?: EventEmitter | undefined;
    readonly bootstrap?: readonly string[] | false | undefined;
    readonly nodes?: readonly string[] | undefined;
    readonly nodeId?: Uint8Array | undefined;
    /** Time for an answer, ms. */
    readonly timeout?: number | undefined;
    readonly concurrency?: number | undefined;
    readonly host?: string | undefined;
    readonly verify?:
      | ((signature: Buffer, message: Uint8Array, publicKey: Buffer) => boolean)
      | undefined;
  };

  type Peer = { readonly host: string; readonly port: number };

  // biome-ignore lint/style/noDefaultExport: it is how the library exports it
  export default class DHT extends EventEmitter {
    constructor(options?: DhtOptions);
    /** k-rpc, and its socket in it. */
    readonly _rpc: EventEmitter & { readonly socket: EventEmitter };
    readonly nodeId: Buffer;
    readonly destroyed: boolean;
    /** Whether `ready` was emitted. */
    readonly ready?: boolean;
    listen(port: number, host: string, done?: () => void): void;
    address(): { readonly address: string; readonly port: number };
    lookup(hash: Uint8Array, done: (error: Error | null, replies?: number) => void): () => void;
    announce(hash: Uint8Array, port: number, done: (error?: Error | null) => void): void;
    get(
      target: Uint8Array,
      options: { readonly salt?: Uint8Array | undefined; readonly cache?: boolean | undefined },
      done: (error: Error | null, item: MutableItem | null | undefined) => void,
    ): void;
    put(
      item: MutableItem,
      done: (error: Error | null, key?: Buffer, nodes?: number) => void,
    ): Buffer;
    addNode(node: Peer): void;
    toJSON(): { readonly nodes: readonly Peer[] };
    destroy(done?: () => void): void;
  }
}

declare module 'bencode' {
  const bencode: {
    encode(value: unknown): Uint8Array;
  };
  // biome-ignore lint/style/noDefaultExport: it is how the library exports it
  export default bencode;
}
