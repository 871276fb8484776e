import type { IncomingMessage, ServerResponse } from "node:http";
import { PassThrough, type Readable } from "node:stream";
import { AppError } from "@/contracts/errors";

/** What bodies may cost; tests bring shorter times. */
export interface BodyLimits {
  /** A request whose bytes stop coming for so long is ended. */
  idleMs: number;
  /** Longest time for a body that is held in memory. */
  totalMs: number;
  /** Bytes of bodies that are held in memory at one time. */
  heldBytes: number;
  /** Largest body that is held in memory. */
  maxBytes: number;
}

export const BODY_LIMITS: BodyLimits = {
  idleMs: 30_000,
  totalMs: 10 * 60_000,
  heldBytes: 512 * 1024 * 1024,
  maxBytes: 256 * 1024 * 1024,
};

/** Bodies below this do not count: Node's own limits of connections and time bound them. */
const SMALL_BYTES = 1024 * 1024;

/**
 * Opens the bytes of a request as a stream of its own: a store that fails destroys the stream it reads from, and the
 * request itself must stay open to be answered.
 */
export function openBodyStream(request: IncomingMessage): Readable {
  const body = new PassThrough();
  // Whoever reads it hears of its end; before anybody does, an error that nobody hears would end the process.
  body.on("error", () => undefined);
  request.pipe(body);
  request.once("close", () => {
    if (!request.complete) body.destroy(new Error("the upload was cut off"));
  });
  return body;
}

/** Reads a whole body. @throws AppError "invalid-input" where it is larger */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes)
      throw new AppError("invalid-input", `The body is larger than ${maxBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Bounds time and memory of request bodies, so that senders who stop or are many cannot fill the server. */
export class BodyGuard {
  private held = 0;

  constructor(private readonly limits: BodyLimits = BODY_LIMITS) {}

  get maxBytes(): number {
    return this.limits.maxBytes;
  }

  /** Ends a request with 408 whose body stops coming: a stalled sender holds a connection for ever otherwise. */
  watch(request: IncomingMessage, response: ServerResponse): void {
    if (!hasBody(request)) return;
    const { socket } = request;
    let seen = socket.bytesRead;
    const timer = setInterval(() => {
      if (request.complete || request.destroyed) return clearInterval(timer);
      // Where the buffer is full, it is the reader that is slow.
      const isWaiting = request.readableLength < request.readableHighWaterMark;
      if (socket.bytesRead === seen && isWaiting) endRequest(request, response, 408);
      seen = socket.bytesRead;
    }, this.limits.idleMs);
    response.once("close", () => clearInterval(timer));
  }

  /**
   * Takes room for a body that is going to be held in memory, and answers the request where there is none: 413 where
   * it is too large, 503 where others hold the memory.
   *
   * @returns whether the request may go on
   */
  admit(request: IncomingMessage, response: ServerResponse): boolean {
    const { maxBytes, heldBytes, totalMs } = this.limits;
    const declared = request.headers["content-length"];
    const bytes = declared === undefined && hasBody(request) ? maxBytes : Number(declared ?? 0);
    if (bytes > maxBytes) return (endRequest(request, response, 413), false);
    if (bytes < SMALL_BYTES) return true;
    if (this.held + bytes > heldBytes) return (endRequest(request, response, 503), false);
    this.held += bytes;
    const timer = setTimeout(() => {
      if (!request.complete) endRequest(request, response, 408);
    }, totalMs);
    response.once("close", () => {
      clearTimeout(timer);
      this.held -= bytes;
    });
    return true;
  }
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;

const REASONS = {
  408: "The body of the request stopped coming.",
  413: "The body of the request is too large.",
  503: "Too many large requests are on their way. Try again in a moment.",
} as const;

/** Answers a request whose body is not read to its end, and closes its connection. */
function endRequest(
  request: IncomingMessage,
  response: ServerResponse,
  status: keyof typeof REASONS,
): void {
  const { socket } = request;
  if (response.headersSent) return void socket.destroy();
  response
    .writeHead(status, { "content-type": "text/plain; charset=utf-8", connection: "close" })
    .end(REASONS[status], () => setTimeout(() => socket.destroy(), CLOSE_MS).unref());
}

/** Time for a refusal to arrive before its connection is cut. */
const CLOSE_MS = 1_000;
