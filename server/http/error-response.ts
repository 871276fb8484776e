import type { IncomingMessage, ServerResponse } from "node:http";
import { toWireError, type ErrorCode } from "@/contracts/errors";
import { toDatabaseAppError } from "@/server/platform/db/errors";

const STATUS: Partial<Record<ErrorCode, number>> = {
  "invalid-input": 400,
  unauthorized: 401,
  "not-found": 404,
  unsupported: 405,
  conflict: 409,
  "too-large": 413,
  "stale-attempt": 409,
  "storage-full": 507,
  "database-unavailable": 503,
};

/**
 * Answers a request that failed with the status of the error and `{code, message}`. Where an answer has begun, the
 * connection is cut.
 *
 * @param maxBodyBytes a larger request body is not read to its end
 */
export function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  maxBodyBytes = Infinity,
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { code, message } = toWireError(toDatabaseAppError(error));
  // Closing while bytes arrive resets the connection, and the message is lost: the rest of the body is read and dropped.
  if (Number(request.headers["content-length"] ?? 0) > maxBodyBytes)
    response.setHeader("connection", "close");
  else request.resume();
  response
    .writeHead(STATUS[code] ?? 500, { "content-type": "application/json" })
    .end(JSON.stringify({ code, message }));
}
