// Internet addresses: whether one is public, that is, belongs to somebody. Reserved, private and documentation ranges do not.
import { isIPv6 } from 'node:net';

const RESERVED_V4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12], ['192.0.0.0', 24],
  ['192.0.2.0', 24], ['192.88.99.0', 24], ['192.168.0.0', 16], ['198.18.0.0', 15], ['198.51.100.0', 24], ['203.0.113.0', 24], ['224.0.0.0', 3],
];

const numberOf = (address: string): number => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

/** A valid IPv4 address that is routed on the internet. */
export function isPublicV4(address: string): boolean {
  const parts = address.split('.');
  if (parts.length !== 4 || parts.some((part) => !/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255)) return false;
  const number = numberOf(address);
  return !RESERVED_V4.some(([start, bits]) => Math.floor(number / 2 ** (32 - bits)) === Math.floor(numberOf(start) / 2 ** (32 - bits)));
}

/** A valid IPv6 address out of 2000::/3 that is no documentation, benchmark or tunnel prefix. */
export function isPublicV6(address: string): boolean {
  if (!isIPv6(address)) return false;
  const first = Number.parseInt(address.split(':')[0] || '0', 16);
  if (first < 0x2000 || first > 0x3ffe) return false;
  return !/^2001:0{0,3}(?:db8|2|0|:)/i.test(address) && !/^2001:0?db8:/i.test(address);
}
