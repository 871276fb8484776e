/** Names in an address, as URL gives them, that mean this machine. */
export const LOOPBACK_NAMES: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Name of a host that may have a port; null where the text is something else. */
export function parseHostname(host: string): string | null {
  try {
    const { hostname, username, password, pathname } = new URL(`http://${host}`);
    return username === "" && password === "" && pathname === "/" ? hostname : null;
  } catch {
    return null;
  }
}

/**
 * Whether a Host header names this machine. A page of elsewhere that had its own name resolved to this machine (DNS
 * rebinding) sends that name.
 */
export function isLoopbackHost(host: string | undefined): boolean {
  const name = host === undefined ? null : parseHostname(host);
  return name !== null && LOOPBACK_NAMES.has(name);
}
