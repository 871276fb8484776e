import dns from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

/** Networks by address and bits. */
export type Networks = readonly (readonly [address: string, bits: number])[];

/** This machine, and where clouds hand out its credentials. */
export const OWN_NETWORKS: Networks = [
  ["0.0.0.0", 8],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["::", 127],
  ["fe80::", 10],
];

/** What only this machine and its own network reach. */
export const PRIVATE_NETWORKS: Networks = [
  ...OWN_NETWORKS,
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["fc00::", 7],
];

/** Whether an address is of some networks. IPv4 in IPv6 counts as what it holds. */
export function createNetworkCheck(networks: Networks): (address: string) => boolean {
  const list = new BlockList();
  for (const [address, bits] of networks)
    list.addSubnet(address, bits, isIP(address) === 6 ? "ipv6" : "ipv4");
  return (address) => list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

/**
 * Looks names up and gives no address of the refused networks, so that the connection is made to what was checked.
 * localhost is itself, and an address needs no lookup.
 */
export function createGuardedLookup(
  refused: Networks,
  buildRefusal: (host: string, address: string) => Error,
): LookupFunction {
  const isRefused = createNetworkCheck(refused);
  return (hostname, options, callback) => {
    dns.lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, "", 0);
      const inner = found.find(({ address }) => isRefused(address));
      const isMeant = isIP(hostname) !== 0 || /(^|\.)localhost$/i.test(hostname);
      if (inner && !isMeant) return callback(buildRefusal(hostname, inner.address), "", 0);
      if (options.all) return callback(null, found);
      callback(null, found[0]!.address, found[0]!.family);
    });
  };
}
