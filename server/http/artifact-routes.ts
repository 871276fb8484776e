import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { AppError, parseOrThrow, toWireError, type ErrorCode } from "@/contracts/errors";
import type { Artifacts } from "@/server/artifacts/artifacts";
import type { Tokens } from "@/server/workers/tokens";
import { bodyOf } from "./request-body";

const STATUS: Partial<Record<ErrorCode, number>> = { "invalid-input": 400, unauthorized: 401, "not-found": 404, conflict: 409, "stale-attempt": 409, "storage-full": 507 };

const path = z.object({ artifactId: z.uuid(), file: z.string().min(1) });
const query = z.object({ runId: z.uuid(), attempt: z.coerce.number().int().positive() });

export const isArtifactPath = (pathname: string): boolean => pathname.startsWith("/worker/artifacts/");

/** PUT and GET /worker/artifacts/{artifactId}/{file}: bytes beside the worker protocol, with the same token. */
export async function serveArtifact(request: IncomingMessage, response: ServerResponse, url: URL, { tokens, artifacts }: { tokens: Tokens; artifacts: Artifacts }): Promise<void> {
  try {
    const tokenId = await tokens.verify(request.headers.authorization);
    const [artifactId, file, ...rest] = url.pathname.slice("/worker/artifacts/".length).split("/").map(decodeURIComponent);
    if (rest.length > 0) throw new AppError("not-found", "The path is /worker/artifacts/{artifactId}/{file}.");
    const name = parseOrThrow(path, { artifactId, file }, "The path of an artifact's file");
    if (request.method === "PUT") {
      const ref = parseOrThrow(query, Object.fromEntries(url.searchParams), "The query of an upload");
      await artifacts.upload(tokenId, ref, name.artifactId, name.file, bodyOf(request));
      response.writeHead(201, { "content-type": "application/json" }).end("{}");
    } else if (request.method === "GET") {
      const { bytes, stream } = await artifacts.open(name.artifactId, name.file);
      response.writeHead(200, { "content-type": "application/octet-stream", "content-length": String(bytes) });
      await pipeline(stream, response);
    } else {
      throw new AppError("unsupported", "An artifact's file is PUT or GET.");
    }
  } catch (error) {
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const { code, message } = toWireError(error);
    // The rest of a refused upload is read and dropped: closing on bytes under way resets the connection, and the reason is lost.
    request.resume();
    response.writeHead(STATUS[code] ?? 500, { "content-type": "application/json" }).end(JSON.stringify({ code, message }));
  }
}
