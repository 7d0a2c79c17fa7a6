/** Who can come to a server, by where it listens. */

/**
 * Tells whether other machines can come to a server that listens there. One that a proxy stands in front of
 * says no: they come to the proxy.
 */
export function isReachable({
  lan = false,
  host,
}: {
  readonly lan?: boolean | undefined;
  readonly host?: string | undefined;
}): boolean {
  return lan || !(host === undefined || /^(localhost|127\..*|::1)$/.test(host));
}
