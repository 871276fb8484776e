import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { AppError, parseOrThrow, toWireError, type ErrorCode } from "@/contracts/errors";
import { COMMAND_HEADER, mlflowRequests } from "@/contracts/formats/mlflow/requests";
import { parseJsonOrNull } from "@/lib/json";
import { listEntries } from "@/server/features/tracking/mlflow-json";
import type { WorkerTokens } from "@/server/features/workers/worker-tokens";
import { toDatabaseAppError } from "@/server/platform/db/errors";
import { describeUnstorable, findUnstorable } from "@/server/platform/db/json";
import type { Access } from "./access";
import { MLFLOW_ENDPOINTS, type TrackingServices } from "./mlflow-endpoints";
import { openBodyStream, readBody } from "./request-body";

/** Both prefixes are asked: programs use the first, MLflow's pages the second. */
const PATH = /^\/(?:ajax-)?api\/\d\.\d\/(mlflow|mlflow-artifacts|s3)\/(.+)$/;
const ARTIFACTS = "artifacts";
const MAX_BODY_BYTES = 32 * 1024 * 1024;
/** Without a token, as everything on this machine that trains may report. */
const ANYONE = null;

const CODES: Partial<Record<ErrorCode, readonly [status: number, code: string]>> = {
  "invalid-input": [400, "INVALID_PARAMETER_VALUE"],
  "not-found": [404, "RESOURCE_DOES_NOT_EXIST"],
  "too-large": [413, "INVALID_PARAMETER_VALUE"],
  conflict: [400, "RESOURCE_ALREADY_EXISTS"],
  unauthorized: [401, "UNAUTHENTICATED"],
  unsupported: [404, "ENDPOINT_NOT_FOUND"],
  "storage-full": [507, "RESOURCE_EXHAUSTED"],
  "database-unavailable": [503, "TEMPORARILY_UNAVAILABLE"],
};

export const isMlflowPath = (pathname: string): boolean => PATH.test(pathname);

/** Whether a path is of a run's file, whose bytes are not held in memory. */
export const isMlflowFile = (pathname: string): boolean =>
  PATH.exec(pathname)?.[1] === "mlflow-artifacts";

/**
 * Answers MLflow's clients, so that trainers with `MLFLOW_TRACKING_URI` set to this address show their runs here. Without
 * a token whoever is on this machine may report, as with the workers' services; a token that is shown must be right: the
 * installation's secret or a worker's token (`MLFLOW_TRACKING_TOKEN`). Errors have MLflow's own form.
 */
export async function serveMlflow(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  services: TrackingServices & { workerTokens: WorkerTokens },
  access: Access,
): Promise<void> {
  try {
    await requireAccess(request, services.workerTokens, access);
    const [, api, path] = PATH.exec(url.pathname)!;
    if (api === "mlflow-artifacts") await serveFiles(request, response, url, path!, services);
    else if (api === "s3") sendJson(response, await storeRollouts(request, url, path!, services));
    else sendJson(response, await answerEndpoint(request, url, path!, services));
  } catch (error) {
    sendMlflowError(request, response, error);
  }
}

const sendJson = (response: ServerResponse, body: object, status = 200): void =>
  void response
    .writeHead(status, { "content-type": "application/json", "cache-control": "no-store" })
    .end(JSON.stringify(body));

/**
 * Lets in who shows no token, as everything on this machine that trains may report, or a right one.
 * @throws AppError "unauthorized"
 */
export async function requireAccess(
  { headers }: IncomingMessage,
  workerTokens: WorkerTokens,
  access: Access,
): Promise<void> {
  if (headers.authorization === undefined) return;
  // A worker's token first: as a secret it would be a wrong one, and those are counted.
  const isWorker = await workerTokens.verify(headers.authorization).then(
    () => true,
    () => false,
  );
  if (isWorker || access.identify(headers) !== ANYONE) return;
  throw new AppError(
    "unauthorized",
    "The token is neither a worker's nor the installation's secret, or it is revoked. Create one on the Workers page, or send none on this machine.",
  );
}

async function answerEndpoint(
  request: IncomingMessage,
  url: URL,
  path: string,
  services: TrackingServices,
): Promise<object> {
  const endpoint = MLFLOW_ENDPOINTS.get(path);
  if (!endpoint || endpoint.method !== request.method)
    throw new AppError(
      "unsupported",
      `${request.method} ${url.pathname} is not answered here. What is: docs/guides/external-runs.md.`,
    );
  const given =
    request.method === "GET"
      ? readQuery(url)
      : parseJsonOrNull((await readBody(request, MAX_BODY_BYTES)).toString());
  let parsed;
  try {
    requireStorable(given);
    parsed = parseOrThrow(endpoint.schema, given, `The request ${path}`);
  } catch (error) {
    const run = mlflowRequests.run.safeParse(given);
    if (run.success) await services.trackedRuns.noteRefusal(run.data.run_id, error);
    throw error;
  }
  return endpoint.answer(parsed as never, services, readCommand(request));
}

/** The command's run that a client belongs to, as its worker's relay says; null: none. */
const readCommand = ({ headers }: IncomingMessage): string | null =>
  z.uuid().safeParse(headers[COMMAND_HEADER]).data ?? null;

/** @throws AppError "invalid-input" where a text cannot be stored as it is: never another value without a word */
function requireStorable(given: unknown): void {
  const found = findUnstorable(given);
  if (found !== null) throw new AppError("invalid-input", describeUnstorable(found));
}

/** POST /api/2.0/s3/rollouts: lines of a rollout file of a run that is observed. */
async function storeRollouts(
  request: IncomingMessage,
  url: URL,
  path: string,
  { trackedRollouts }: TrackingServices,
): Promise<object> {
  if (path !== "rollouts" || request.method !== "POST")
    throw new AppError("unsupported", `${request.method} ${url.pathname} is not answered here.`);
  const query = readQuery(url);
  requireStorable(query);
  const parsed = parseOrThrow(mlflowRequests.rollouts, query, "The query of rollouts");
  return trackedRollouts.storeLines(
    parsed,
    (await readBody(request, MAX_BODY_BYTES)).toString("utf8"),
  );
}

/** Parameters of an address; `run_ids` may be there several times. */
export function readQuery({ searchParams }: URL): Record<string, string | string[]> {
  const names = [...new Set(searchParams.keys())];
  return Object.fromEntries(
    names.map((name) => [
      name,
      name === "run_ids" ? searchParams.getAll(name) : searchParams.get(name)!,
    ]),
  );
}

/** Files of runs under `EXPERIMENT/RUN/artifacts/PATH`, as MLflow's clients put them behind `mlflow-artifacts:`. */
async function serveFiles(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  path: string,
  { trackedFiles }: TrackingServices,
): Promise<void> {
  const isListing = path === ARTIFACTS && url.searchParams.has("path");
  // The query is decoded already.
  const full = isListing
    ? url.searchParams.get("path")!
    : decodePath(path.slice(ARTIFACTS.length + 1));
  requireStorable(full);
  const { runId, below } = parseFilePath(full);
  if (isListing && request.method === "GET") {
    const files = listEntries(await trackedFiles.list(runId), below);
    // Told as they lie right below the path that was asked for.
    const prefix = below === "" ? 0 : below.length + 1;
    sendJson(response, {
      files: files.map((file) => ({ ...file, path: file.path.slice(prefix) })),
    });
  } else if (request.method === "PUT") {
    await trackedFiles.put(runId, below, openBodyStream(request));
    sendJson(response, {});
  } else if (request.method === "GET") {
    const { bytes, stream } = await trackedFiles.open(runId, below);
    response.writeHead(200, {
      "content-type": "application/octet-stream",
      "content-length": String(bytes),
      "content-disposition": "attachment",
    });
    await pipeline(stream, response);
  } else if (request.method === "DELETE") {
    await trackedFiles.remove(runId, below);
    sendJson(response, {});
  } else throw new AppError("unsupported", "A run's file is put, read, listed or deleted.");
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw new AppError("invalid-input", "The path is not an address: % begins no escape.", {
      cause,
    });
  }
}

const FILE_PATH =
  /^\/?\d+\/([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})\/artifacts(?:\/(.*))?$/s;

/** @throws AppError "not-found" */
function parseFilePath(path: string): { runId: string; below: string } {
  const match = FILE_PATH.exec(path);
  if (!match)
    throw new AppError(
      "not-found",
      `"${path}" is no path of a run's files: EXPERIMENT/RUN/artifacts.`,
    );
  const [, a, b, c, d, e, below = ""] = match;
  return { runId: [a, b, c, d, e].join("-"), below: below.replace(/\/$/, "") };
}

/** Answers a request that failed as MLflow does: `{error_code, message}`. */
function sendMlflowError(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy();
  const { code, message } = toWireError(toDatabaseAppError(error));
  const [status, name] = CODES[code] ?? [500, "INTERNAL_ERROR"];
  request.resume();
  sendJson(response, { error_code: name, message }, status);
}
