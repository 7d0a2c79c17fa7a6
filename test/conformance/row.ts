/** What a row of the conformance table says. */

/** Which part of which file a body is, in which form. */
export type FileBody = {
  /** Key in the site. */
  readonly file: string;
  /** Default `identity`. */
  readonly form?: 'gzip' | 'identity' | undefined;
  /** Inclusive; default 0. */
  readonly start?: number | undefined;
  /** Exclusive; default the size. Negative counts from the end. */
  readonly end?: number | undefined;
};

/** One request, and what has to come of it. */
export type Row = {
  readonly name: string;
  /** The paragraph that decides, such as `RFC 9110 §14.1.2`. */
  readonly by: string;
  /** Default `GET`. */
  readonly method?: string | undefined;
  /** As it stands in the request line. */
  readonly path: string;
  /**
   * Further header lines. `{etag}` and `{gzip-etag}` are the tags of the two forms of the file `of`,
   * `{date}` its date.
   */
  readonly headers?: readonly string[] | undefined;
  /** File whose tags are meant; default the path without its slash. */
  readonly of?: string | undefined;
  readonly status: number;
  /** Statuses that the text allows as well; drayer answers the first one. */
  readonly or?: readonly number[] | undefined;
  /**
   * Headers by lower-case name: the value, a pattern, or null for none. Beside the tags, `{size}`,
   * `{last}`, `{gzip-size}` and `{gzip-last}` tell of the file `of`.
   */
  readonly expect?: Readonly<Record<string, string | RegExp | null>> | undefined;
  /** Default: not looked at. */
  readonly body?: FileBody | 'none' | RegExp | undefined;
  /** A rule of drayer alone, in which other servers may differ. */
  readonly own?: true | undefined;
};
