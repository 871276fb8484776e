import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { reportedPointsQuerySchema } from "@/contracts/api/metrics";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { writePointsCsv } from "@/server/features/metrics/reported-points";
import type { Metrics } from "@/server/features/metrics/metrics";
import type { Database } from "@/server/platform/db/database";
import { sendError } from "./error-response";

const PATH = "/points";

export const isPointsPath = (pathname: string): boolean => pathname === PATH;

/**
 * GET /points?run=ID&metric=NAME, each as often as wanted: every reported point of these metrics of these runs as CSV;
 * without a metric those of all. 404 where there is no such run.
 */
export async function servePoints(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  services: { database: Database; metrics: Metrics },
): Promise<void> {
  try {
    if (request.method !== "GET") throw new AppError("unsupported", "Points are read by GET.");
    const query = parseOrThrow(
      reportedPointsQuerySchema,
      { runIds: url.searchParams.getAll("run"), names: url.searchParams.getAll("metric") },
      "The query of points",
    );
    const lines = await writePointsCsv(services, query);
    response.writeHead(200, {
      "content-type": "text/csv; charset=utf-8",
      // Without a name: the link that asks for it has one.
      "content-disposition": "attachment",
    });
    await pipeline(Readable.from(lines), response);
  } catch (error) {
    sendError(request, response, error);
  }
}
