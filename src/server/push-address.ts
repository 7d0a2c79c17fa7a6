/** A client's address as far as it goes into a log. */

/** How much of an address is written down. */
export type AddressDetail = 'full' | 'network' | 'none';

/** Returns an address cut to its network: three parts of IPv4, three groups of IPv6. */
export function cutAddress(
  address: string | undefined,
  detail: AddressDetail = 'network',
): string | undefined {
  if (address === undefined || detail === 'none') return undefined;
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (detail === 'full') return plain;
  if (plain.includes('.')) return `${plain.split('.').slice(0, 3).join('.')}.0`;
  const [head = ''] = plain.split('::');
  // Of a shortened one only what stands before the gap is known to be the network.
  const groups = head.split(':').filter((group) => group !== '');
  return `${groups.slice(0, 3).join(':')}::`;
}
