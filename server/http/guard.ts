import type { IncomingHttpHeaders } from "node:http";
import { AppError } from "@/contracts/errors";
import { isLoopbackHost, isLoopbackName, parseHostname } from "@/contracts/formats/loopback";

/** By which a server that listens on the usual address of loopback is reached. */
const COMMON_NAMES = new Set(["localhost", "127.0.0.1", "[::1]", "::1"]);

/**
 * The reason to refuse a request; null where there is none. A page of another site may reach this server through the
 * browser: by its own name that resolves to this machine (Host tells), or from its own pages (Origin tells). Only
 * loopback names pass.
 */
export function findRefusalReason(headers: IncomingHttpHeaders): string | null {
  if (!isLoopbackHost(headers.host))
    return `Host "${headers.host ?? ""}" is not a loopback name. Open the page as http://127.0.0.1 or http://localhost; from another machine, through an SSH tunnel.`;
  const { origin } = headers;
  if (origin === undefined)
    return headers["sec-fetch-site"] === "cross-site" && headers["sec-fetch-mode"] !== "navigate"
      ? "Requests of other sites are refused."
      : null;
  const from = /^https?:\/\//.test(origin)
    ? parseHostname(origin.replace(/^https?:\/\//, ""))
    : null;
  // Two services on one machine are two sites: the port must be ours too, and the address, of which there are many.
  const own = parseHostname(headers.host ?? "");
  if (
    from === null ||
    !(from === own || [from, own].every((name) => name !== null && COMMON_NAMES.has(name))) ||
    getPort(origin) !== getPort(`http://${headers.host ?? ""}`)
  )
    return `Origin "${origin}" is not this page.`;
  return null;
}

const getPort = (url: string): string => {
  const { port, protocol } = new URL(url);
  return port || (protocol === "https:" ? "443" : "80");
};

/** @throws AppError "unsupported" for an address that others can reach: there are no accounts and no TLS */
export function requireLoopback(host: string): void {
  if (isLoopbackName(host)) return;
  throw new AppError(
    "unsupported",
    `The server will not listen on ${host}: there are no accounts and no TLS, so the secret that lets in would cross the network in the clear. Leave HOST at 127.0.0.1; from another machine, use an SSH tunnel (ssh -L 3000:127.0.0.1:3000).`,
  );
}
