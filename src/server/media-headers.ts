/**
 * Headers that keep sites apart from each other, from this server and from other pages.
 * A site on an origin of its own may use all the web offers; a site under a path shares its origin
 * with others and gets a CSP sandbox without `allow-same-origin`, which makes its origin opaque.
 */

/** How a site is addressed: by a name of its own, a port of its own, or a path on a shared origin. */
export type SiteForm = 'origin' | 'port' | 'path';

/** A set of response headers. */
export type Headers = Readonly<Record<string, string>>;

const COMMON: Headers = {
  // Without it text/plain runs as script, and a body without type as HTML.
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'same-origin',
  'Cache-Control': 'no-cache',
};

const SITE: Headers = {
  ...COMMON,
  'Origin-Agent-Cluster': '?1',
  'X-Frame-Options': 'SAMEORIGIN',
};

/** Headers of every response that belongs to a site, its errors and redirects included. */
export function siteHeaders(form: SiteForm): Headers {
  if (form !== 'path') {
    return {
      ...SITE,
      'Cross-Origin-Resource-Policy': 'same-origin',
      // Not for an address on a LAN: it is no secure context, and browsers would only complain.
      ...(form === 'origin' ? { 'Cross-Origin-Opener-Policy': 'same-origin' } : {}),
    };
  }
  return {
    ...SITE,
    'Content-Security-Policy': 'sandbox allow-scripts allow-forms allow-popups allow-downloads',
    'Cross-Origin-Resource-Policy': 'cross-origin',
    // The sandboxed page's origin is "null": without this its own module scripts fail to load.
    'Access-Control-Allow-Origin': '*',
  };
}

/**
 * Headers of every sync endpoint. The bodies are other people's bytes: should a browser be talked
 * into showing one, it shows it without scripts.
 *
 * @param open - may pages of other origins read it
 */
export function syncHeaders(open: boolean): Headers {
  return {
    ...COMMON,
    'Content-Security-Policy': "default-src 'none'; sandbox",
    'Cross-Origin-Resource-Policy': open ? 'cross-origin' : 'same-origin',
    ...(open
      ? {
          'Access-Control-Allow-Origin': '*',
          'Access-Control-Expose-Headers': 'Drayer-Tip, Drayer-Last, ETag, Content-Range',
        }
      : {}),
  };
}

/** Headers of the pages this server makes itself. */
export const PAGE_HEADERS: Headers = {
  ...COMMON,
  'Content-Security-Policy':
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Origin-Agent-Cluster': '?1',
  'X-Frame-Options': 'DENY',
};
