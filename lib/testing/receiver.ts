import { createServer, type IncomingHttpHeaders } from "node:http";
import { listenLocally } from "./listen-locally";

/** A request that came. */
interface Received {
  /** With what stands behind "?". */
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

interface Answer {
  status?: number;
  body?: string;
}

/** An HTTP server on the loopback that keeps what is sent to it. */
export interface Receiver {
  url: string;
  got: Received[];
  close(): void;
}

/**
 * Starts a server that takes what others send, as webhooks.
 *
 * @param answer what a request gets, by how many have come to its path, this one included; left out, 200 and "ok"
 */
export async function startReceiver(
  answer: (path: string, times: number) => Answer = () => ({}),
): Promise<Receiver> {
  const got: Received[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part: Buffer) => (body += part.toString()));
    request.on("end", () => {
      const path = request.url ?? "";
      got.push({ path, headers: request.headers, body });
      const times = got.filter((one) => one.path === path).length;
      const { status = 200, body: text = "ok" } = answer(path, times);
      response.writeHead(status).end(text);
    });
  });
  return { url: await listenLocally(server), got, close: () => void server.close() };
}
