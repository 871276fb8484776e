import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { AppError, parseOrThrow, toWireError, type ErrorCode } from "@/contracts/errors";
import type { Uploads } from "@/server/features/corpora/uploads";
import type { Tokens } from "@/server/features/workers/tokens";
import { bodyOf } from "./request-body";

const STATUS: Partial<Record<ErrorCode, number>> = {
  "invalid-input": 400,
  unauthorized: 401,
  "not-found": 404,
  unsupported: 405,
  "storage-full": 507,
};
const WORKER_PREFIX = "/worker/uploads/";

const querySchema = z.object({ name: z.string().trim().min(1).max(255) });

export const isUploadPath = (pathname: string): boolean =>
  pathname === "/uploads" || pathname.startsWith(WORKER_PREFIX);

/**
 * POST /uploads?name=FILE takes a file as the raw body and answers `{id, fileName, bytes, sha256, reused}`.
 * GET /worker/uploads/{id} gives it to a worker with its token, from the byte of a Range on.
 */
export async function serveUpload(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  { tokens, uploads }: { tokens: Tokens; uploads: Uploads },
): Promise<void> {
  try {
    if (url.pathname === "/uploads") {
      if (request.method !== "POST")
        throw new AppError("unsupported", "A file is uploaded by POST.");
      const { name } = parseOrThrow(
        querySchema,
        Object.fromEntries(url.searchParams),
        "The query of an upload",
      );
      uploads.requireFits(Number(request.headers["content-length"] ?? 0));
      const upload = await uploads.take(name, bodyOf(request), "local user");
      response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify(upload));
      return;
    }
    await tokens.verify(request.headers.authorization);
    if (request.method !== "GET") throw new AppError("unsupported", "An upload is read by GET.");
    const id = parseOrThrow(
      z.uuid(),
      url.pathname.slice(WORKER_PREFIX.length),
      "The id of an upload",
    );
    await give(request, response, uploads, id);
  } catch (error) {
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const { code, message } = toWireError(error);
    // The rest of a refused upload is read and dropped, so that the reason arrives; a huge one is not worth that.
    if (Number(request.headers["content-length"] ?? 0) > uploads.limitBytes)
      response.setHeader("connection", "close");
    else request.resume();
    response
      .writeHead(STATUS[code] ?? 500, { "content-type": "application/json" })
      .end(JSON.stringify({ code, message }));
  }
}

async function give(
  request: IncomingMessage,
  response: ServerResponse,
  uploads: Uploads,
  id: string,
): Promise<void> {
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1];
  const start = range === undefined ? 0 : Number(range);
  const { bytes, sha256, stream } = await uploads.open(id, start);
  const headers = {
    "content-type": "application/octet-stream",
    etag: `"${sha256}"`,
    "accept-ranges": "bytes",
  };
  if (start >= bytes) {
    stream.destroy();
    response.writeHead(416, { ...headers, "content-range": `bytes */${bytes}` }).end();
    return;
  }
  if (range === undefined) response.writeHead(200, { ...headers, "content-length": String(bytes) });
  else
    response.writeHead(206, {
      ...headers,
      "content-length": String(bytes - start),
      "content-range": `bytes ${start}-${bytes - 1}/${bytes}`,
    });
  await pipeline(stream, response);
}
