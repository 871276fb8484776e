import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { AppError, parseOrThrow } from "@/contracts/errors";
import type { Artifacts } from "@/server/features/artifacts/artifacts";
import { requireNeededArtifact } from "@/server/features/workers/held-work";
import type { Database } from "@/server/platform/db/database";
import type { WorkerTokens } from "@/server/features/workers/worker-tokens";
import { sendError } from "./error-response";
import { openBodyStream } from "./request-body";

const pathSchema = z.object({ artifactId: z.uuid(), file: z.string().min(1) });
const querySchema = z.object({ runId: z.uuid(), attempt: z.coerce.number().int().positive() });

const WORKER_PREFIX = "/worker/artifacts/";
const PAGE_PREFIX = "/artifacts/";

export const isArtifactPath = (pathname: string): boolean =>
  pathname.startsWith(WORKER_PREFIX) || pathname.startsWith(PAGE_PREFIX);

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    throw new AppError("invalid-input", "The path is not an address: % begins no escape.", {
      cause,
    });
  }
}

/**
 * PUT and GET /worker/artifacts/{artifactId}/{file}: files of checkpoints, for workers with their token. Pages
 * and the command line read them under /artifacts/.
 */
export async function serveArtifact(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  services: { workerTokens: WorkerTokens; artifacts: Artifacts; database: Database },
): Promise<void> {
  const { workerTokens, artifacts } = services;
  try {
    const worker = url.pathname.startsWith(WORKER_PREFIX);
    const tokenId = worker ? await workerTokens.verify(request.headers.authorization) : null;
    const [artifactId, file, ...rest] = url.pathname
      .slice((worker ? WORKER_PREFIX : PAGE_PREFIX).length)
      .split("/")
      .map(decodePart);
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
      await artifacts.upload(tokenId, ref, name.artifactId, name.file, openBodyStream(request));
      response.writeHead(201, { "content-type": "application/json" }).end("{}");
    } else if (request.method === "GET") {
      if (tokenId !== null) await requireNeededArtifact(services, tokenId, name.artifactId);
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
    sendError(request, response, error);
  }
}
