import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { AppError } from "@/contracts/errors";
import { isLoopbackHost, isLoopbackUrl } from "@/contracts/formats/loopback";
import { retry, waitFor } from "@/lib/retry";
import type { AttemptContext } from "./attempt-context";

/** Longer than clients keep an idle connection, so that none is closed in the moment it is used again. */
const KEEP_ALIVE_MS = 75_000;

/**
 * Takes a port. It can be held before what it serves is there: that it is taken is known before anything is loaded.
 *
 * @param port 0: any free one
 * @returns the server and its base address, e.g. http://127.0.0.1:8123
 * @throws AppError "conflict" with what to do, where the port cannot be had
 */
export async function listen(host: string, port: number): Promise<{ server: Server; url: string }> {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) =>
      reject(new AppError("conflict", describeListenFailure(cause, host, port), { cause })),
    );
    server.listen(port, host, resolve);
  });
  const { address, family, port: bound } = server.address() as AddressInfo;
  return { server, url: `http://${family === "IPv6" ? `[${address}]` : address}:${bound}` };
}

/**
 * Refuses requests of web pages: no page may use a service through the browser of someone who can reach it. Only pages
 * send Origin; one that had its own name resolved to this machine (DNS rebinding) sends that name as Host.
 *
 * @param url the service's base address; on another than the loopback it has names that are not known here
 * @throws AppError "unauthorized"
 */
export function requireNoPage({ headers }: IncomingMessage, url: string): void {
  if (headers.origin !== undefined)
    throw new AppError("unauthorized", "requests from web pages are not answered");
  if (isLoopbackUrl(url) && !isLoopbackHost(headers.host))
    throw new AppError(
      "unauthorized",
      `the Host header names ${JSON.stringify(headers.host ?? "")}; this service is asked as 127.0.0.1 or localhost`,
    );
}

function describeListenFailure(cause: NodeJS.ErrnoException, host: string, port: number): string {
  if (cause.code === "EADDRINUSE")
    return `port ${port} of ${host} is in use by another process; choose another port, 0 for any free one, or stop what listens there`;
  if (cause.code === "EADDRNOTAVAIL" || cause.code === "ENOTFOUND")
    return `this worker has no address ${host} to listen on; 0.0.0.0 is every one it has`;
  if (cause.code === "EACCES")
    return `this worker may not listen on port ${port}; choose one above 1023`;
  return `cannot listen on ${host}:${port}: ${cause.message}`;
}

/** Takes no new connection and waits for the requests under way; after `graceMs` connections are cut. */
export async function closeServer(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // A connection that is kept alive would hold the stop up, now or once its request is answered.
  server.closeIdleConnections();
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearInterval(idle);
  clearTimeout(cut);
}

/** Listens; a later attempt waits for its port, which the attempt before it may be about to let go. */
export const listenWhenPortIsFree = <T>(
  { attempt, signal }: Pick<AttemptContext, "attempt" | "signal">,
  listen: () => Promise<T>,
  portMs: number,
): Promise<T> =>
  retry(listen, {
    ...(attempt === 1 ? { attempts: 1 } : { budgetMs: portMs }),
    backoff: waitFor(250),
    signal,
  });

/** How others reach a service that listens at `url`: every address of the machine is written by its name. */
export function buildAdvertisedUrl(
  { advertise, host }: { advertise: string | null; host: string },
  url: string,
): string {
  if (advertise !== null) return advertise.replace(/\/+$/, "");
  if (host !== "0.0.0.0" && host !== "::") return url;
  return `http://${hostname()}:${new URL(url).port}`;
}
