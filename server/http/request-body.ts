import type { IncomingMessage } from "node:http";
import { PassThrough, type Readable } from "node:stream";

/**
 * Opens the bytes of a request as a stream of its own: a store that fails destroys the stream it reads from, and the
 * request itself must stay open to be answered.
 */
export function openBodyStream(request: IncomingMessage): Readable {
  const body = new PassThrough();
  request.pipe(body);
  request.once("close", () => {
    if (!request.complete) body.destroy(new Error("the upload was cut off"));
  });
  return body;
}
