import type { IncomingMessage, ServerResponse } from "node:http";
import { AppError, toWireError, type ErrorCode } from "@/contracts/errors";
import { gunzip } from "@/lib/gunzip";
import { parseJsonOrNull } from "@/lib/json";
import type { TrackedTraces } from "@/server/features/tracking/tracked-traces";
import type { WorkerTokens } from "@/server/features/workers/worker-tokens";
import { toDatabaseAppError } from "@/server/platform/db/errors";
import type { Access } from "./access";
import { readQuery, requireAccess } from "./mlflow-routes";
import {
  buildTooManyError,
  decodeTraceRequest,
  encodeStatus,
  encodeTraceResponse,
} from "./otlp-protobuf";
import { readBody } from "./request-body";

const PATH = "/v1/traces";
const PROTOBUF = "application/x-protobuf";
const JSON_TYPE = "application/json";
const MAX_BODY_BYTES = 32 * 1024 * 1024;
/** Unpacked. */
const MAX_REQUEST_BYTES = 128 * 1024 * 1024;

/**
 * Fields of a request, as protobuf counts them, or objects, lists and commas of its JSON: an attribute has four. An
 * exporter's batch of 512 spans with 400 attributes each has fewer. So many empty values take some 250 MB once read.
 */
const MOST_FIELDS = 1_000_000;

/** HTTP status, code of google.rpc, and whether the exporter may send it again. */
const CODES: Partial<Record<ErrorCode, readonly [status: number, code: number]>> = {
  "invalid-input": [400, 3],
  "too-large": [413, 8],
  "not-found": [404, 5],
  unauthorized: [401, 16],
  unsupported: [415, 12],
  "storage-full": [507, 8],
  "database-unavailable": [503, 14],
};

export const isTracePath = (pathname: string): boolean => pathname === PATH;

/**
 * Answers exporters of OpenTelemetry: traces by OTLP over HTTP as protobuf or JSON, also packed with gzip. Let in are
 * those who may report by MLflow's API. https://opentelemetry.io/docs/specs/otlp/#otlphttp
 */
export async function serveTraces(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  { trackedTraces, workerTokens }: { trackedTraces: TrackedTraces; workerTokens: WorkerTokens },
  access: Access,
): Promise<void> {
  const type = request.headers["content-type"]?.split(";", 1)[0]!.trim().toLowerCase();
  const isJson = type === JSON_TYPE;
  try {
    await requireAccess(request, workerTokens, access);
    if (request.method !== "POST" || (!isJson && type !== PROTOBUF))
      throw new AppError(
        "unsupported",
        `Traces are posted as ${PROTOBUF} or ${JSON_TYPE}; this is ${request.method} of ${type ?? "no type"}.`,
      );
    const body = await readRequest(request);
    const traces = isJson ? parseJsonRequest(body) : decodeTraceRequest(body, MOST_FIELDS);
    const rejected = await trackedTraces.receive(traces, readQuery(url));
    const partialSuccess = rejected && {
      rejectedSpans: String(rejected.rejectedSpans),
      errorMessage: rejected.reason,
    };
    if (isJson)
      send(response, 200, JSON_TYPE, JSON.stringify(partialSuccess ? { partialSuccess } : {}));
    else send(response, 200, PROTOBUF, encodeTraceResponse(partialSuccess));
  } catch (error) {
    if (response.headersSent) return void response.destroy();
    const { code, message } = toWireError(toDatabaseAppError(error));
    const [status, rpc] = CODES[code] ?? [500, 13];
    request.resume();
    if (isJson) send(response, status, JSON_TYPE, JSON.stringify({ code: rpc, message }));
    else send(response, status, PROTOBUF, encodeStatus(rpc, message));
  }
}

const send = (
  response: ServerResponse,
  status: number,
  type: string,
  body: string | Uint8Array,
): void =>
  void response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body);

/** The body, unpacked. @throws AppError "invalid-input", "unsupported" for another packing than gzip */
async function readRequest(request: IncomingMessage): Promise<Buffer> {
  const packed = await readBody(request, MAX_BODY_BYTES);
  const encoding = request.headers["content-encoding"]?.toLowerCase() ?? "identity";
  if (encoding === "identity") return packed;
  if (encoding !== "gzip")
    throw new AppError("unsupported", `The body is packed with ${encoding}; use gzip or none.`);
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of gunzip([packed])) {
      bytes += chunk.length;
      if (bytes > MAX_REQUEST_BYTES)
        throw new Error(`unpacks to more than ${MAX_REQUEST_BYTES} bytes`);
      chunks.push(chunk);
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AppError("invalid-input", `The body ${why}.`, { cause });
  }
  return Buffer.concat(chunks);
}

function parseJsonRequest(body: Buffer): unknown {
  if (countJsonFields(body, MOST_FIELDS) > MOST_FIELDS) throw buildTooManyError(MOST_FIELDS);
  const request = parseJsonOrNull(body.toString("utf8"));
  if (request === null) throw new AppError("invalid-input", "The body is not JSON.");
  return request;
}

const [QUOTE, BACKSLASH, COMMA, BRACE, BRACKET] = Buffer.from('"\\,{[');

/** Counts objects, lists and commas outside of texts, until there are more than `most`. */
function countJsonFields(body: Buffer, most: number): number {
  let fields = 0;
  for (let at = 0; at < body.length && fields <= most; at++) {
    const byte = body[at];
    if (byte === COMMA || byte === BRACE || byte === BRACKET) fields += 1;
    else if (byte === QUOTE) at = findTextEnd(body, at + 1);
  }
  return fields;
}

/** Place of the quote that ends a text, or the body's end. */
function findTextEnd(body: Buffer, start: number): number {
  for (let at = body.indexOf(QUOTE!, start); at >= 0; at = body.indexOf(QUOTE!, at + 1)) {
    let first = at;
    while (first > start && body[first - 1] === BACKSLASH) first -= 1;
    if ((at - first) % 2 === 0) return at;
  }
  return body.length;
}
