import type { IncomingMessage } from "node:http";
import { PassThrough, type Readable } from "node:stream";

/** A request's bytes as a stream of its own: a store that fails destroys what it reads from, and the request must live to be answered. */
export function bodyOf(request: IncomingMessage): Readable {
  const body = new PassThrough();
  request.pipe(body);
  request.once("close", () => {
    if (!request.complete) body.destroy(new Error("the upload was cut off"));
  });
  return body;
}
