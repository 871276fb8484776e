import type { Duplex } from "node:stream";

/** Time for a refusal to arrive before its connection is cut. */
const CLOSE_MS = 1_000;

/**
 * Answers a request for a WebSocket that gets none, and ends its connection: a socket that was handed over for an
 * upgrade belongs to nobody, and stays open for ever where it is not destroyed.
 *
 * @param status e.g. "404 Not Found"
 */
export function refuseUpgrade(
  socket: Duplex,
  status: string,
  body: string,
  type = "text/plain; charset=utf-8",
): void {
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
  socket.resume(); // so that its end is noticed
  socket.once("end", () => socket.destroy());
  setTimeout(() => socket.destroy(), CLOSE_MS).unref();
}
