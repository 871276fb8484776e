/** "localhost", all of 127.0.0.0/8 (RFC 1122, 3.2.1.3) written in full, and ::1, with the brackets of a URL or without. */
const LOOPBACK_NAME = /^(localhost|127(\.(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}|::1|\[::1\])$/i;

/**
 * Whether a name or address reaches no other machine. Short forms such as 127.1 are not told apart from names, which
 * may resolve to anything: they are none.
 */
export const isLoopbackName = (name: string): boolean => LOOPBACK_NAME.test(name);

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
  return name !== null && isLoopbackName(name);
}

/** Whether a URL is of this machine; false for what is no URL. */
export function isLoopbackUrl(url: string): boolean {
  try {
    return isLoopbackName(new URL(url).hostname);
  } catch {
    return false;
  }
}
