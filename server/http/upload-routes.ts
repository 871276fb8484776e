import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { AppError, parseOrThrow } from "@/contracts/errors";
import type { Uploads } from "@/server/features/corpora/uploads";
import { requireNeeded } from "@/server/features/workers/held-work";
import type { Database } from "@/server/platform/db/database";
import type { WorkerTokens } from "@/server/features/workers/worker-tokens";
import { sendError } from "./error-response";
import { openBodyStream } from "./request-body";

const WORKER_PREFIX = "/worker/uploads/";

const querySchema = z.object({ name: z.string().trim().min(1).max(255) });

export const isUploadPath = (pathname: string): boolean =>
  pathname === "/uploads" || pathname.startsWith(WORKER_PREFIX);

/**
 * POST /uploads?name=FILE takes a file as the raw body and answers `{id, fileName, bytes, sha256, reused}`.
 * GET /worker/uploads/{id} sends it to a worker with its token, from the first byte of a Range on.
 */
export async function serveUpload(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  {
    workerTokens,
    uploads,
    database,
  }: { workerTokens: WorkerTokens; uploads: Uploads; database: Database },
  actor: string | null,
): Promise<void> {
  try {
    if (url.pathname === "/uploads" && actor !== null) {
      if (request.method !== "POST")
        throw new AppError("unsupported", "A file is uploaded by POST.");
      const { name } = parseOrThrow(
        querySchema,
        Object.fromEntries(url.searchParams),
        "The query of an upload",
      );
      uploads.requireFits(Number(request.headers["content-length"] ?? 0));
      const upload = await uploads.store(name, openBodyStream(request), actor);
      response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify(upload));
      return;
    }
    const tokenId = await workerTokens.verify(request.headers.authorization);
    if (request.method !== "GET") throw new AppError("unsupported", "An upload is read by GET.");
    const id = parseOrThrow(
      z.uuid(),
      url.pathname.slice(WORKER_PREFIX.length),
      "The id of an upload",
    );
    await requireNeeded(database.db, tokenId, `upload ${id}`, id);
    await sendUpload(request, response, uploads, id);
  } catch (error) {
    sendError(request, response, error, uploads.limitBytes);
  }
}

async function sendUpload(
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
