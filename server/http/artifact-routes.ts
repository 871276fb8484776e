import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { AppError, parseOrThrow, toWireError, type ErrorCode } from "@/contracts/errors";
import type { Artifacts } from "@/server/features/artifacts/artifacts";
import type { Tokens } from "@/server/features/workers/tokens";
import { bodyOf } from "./request-body";

const STATUS: Partial<Record<ErrorCode, number>> = {
  "invalid-input": 400,
  unauthorized: 401,
  "not-found": 404,
  conflict: 409,
  "stale-attempt": 409,
  "storage-full": 507,
};

const pathSchema = z.object({ artifactId: z.uuid(), file: z.string().min(1) });
const querySchema = z.object({ runId: z.uuid(), attempt: z.coerce.number().int().positive() });

const WORKER_PREFIX = "/worker/artifacts/";
const PAGE_PREFIX = "/artifacts/";

export const isArtifactPath = (pathname: string): boolean =>
  pathname.startsWith(WORKER_PREFIX) || pathname.startsWith(PAGE_PREFIX);

/**
 * PUT and GET /worker/artifacts/{artifactId}/{file}: bytes beside the worker protocol, with the same token. A person's
 * page and command line read under /artifacts/, as they read everything else.
 */
export async function serveArtifact(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  { tokens, artifacts }: { tokens: Tokens; artifacts: Artifacts },
): Promise<void> {
  try {
    const worker = url.pathname.startsWith(WORKER_PREFIX);
    const tokenId = worker ? await tokens.verify(request.headers.authorization) : null;
    const [artifactId, file, ...rest] = url.pathname
      .slice((worker ? WORKER_PREFIX : PAGE_PREFIX).length)
      .split("/")
      .map(decodeURIComponent);
    if (rest.length > 0)
      throw new AppError(
        "not-found",
        `The path is ${worker ? WORKER_PREFIX : PAGE_PREFIX}{artifactId}/{file}.`,
      );
    const name = parseOrThrow(pathSchema, { artifactId, file }, "The path of an artifact's file");
    if (request.method === "PUT" && tokenId !== null) {
      const ref = parseOrThrow(
        querySchema,
        Object.fromEntries(url.searchParams),
        "The query of an upload",
      );
      await artifacts.upload(tokenId, ref, name.artifactId, name.file, bodyOf(request));
      response.writeHead(201, { "content-type": "application/json" }).end("{}");
    } else if (request.method === "GET") {
      const { bytes, stream } = await artifacts.open(name.artifactId, name.file);
      response.writeHead(200, {
        "content-type": "application/octet-stream",
        "content-length": String(bytes),
        "content-disposition": `attachment; filename="${name.file}"`,
      });
      await pipeline(stream, response);
    } else {
      throw new AppError(
        "unsupported",
        worker ? "An artifact's file is PUT or GET." : "A checkpoint's file is read by GET.",
      );
    }
  } catch (error) {
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const { code, message } = toWireError(error);
    // The rest of a refused upload is read and dropped: closing on bytes under way resets the connection, and the reason is lost.
    request.resume();
    response
      .writeHead(STATUS[code] ?? 500, { "content-type": "application/json" })
      .end(JSON.stringify({ code, message }));
  }
}
