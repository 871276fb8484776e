import { randomBytes } from "node:crypto";
import {
  createServer,
  request as requestHttp,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { request as requestHttps } from "node:https";
import { isIPv6, type AddressInfo } from "node:net";
import { AppError } from "@/contracts/errors";
import { COMMAND_HEADER } from "@/contracts/formats/mlflow/requests";
import { hasErrorCode } from "@/lib/errors";
import { isLoopbackHost } from "@/contracts/formats/loopback";
import { isSameSecret } from "@/lib/hash";
import type { CommandTracking } from "@/gpu-workers/runtime/attempt-context";

/** What trainers ask: nothing else of the dashboard is forwarded. */
const PATH = /^\/(?:(?:ajax-)?api\/\d\.\d\/(?:mlflow|mlflow-artifacts|s3)\/|v1\/traces$)/;
const HOST = "127.0.0.1";
/** What listening ends with where a name or an address is none of this machine. */
const NOT_HERE = ["EADDRNOTAVAIL", "ENOTFOUND", "EAI_AGAIN", "EINVAL"];
/** A dashboard that moves no byte for this long is taken for gone. */
const SILENCE_MS = 60_000;

const makeKey = (): string => randomBytes(32).toString("base64url");

export interface TrackingRelay {
  /** What `MLFLOW_TRACKING_URI` is set to by those who report. */
  address: string;
  close(): Promise<void>;
}

interface TrackingRelayOptions {
  /** Address of the dashboard. */
  server: string;
  /** The worker's token, by which it is let in; trainers of this machine need none. */
  token: string;
  /** Address of this machine beyond its loopback, and the token of whoever reports there; absent: the loopback. */
  outside?: { host: string; key: string };
  /** 0: any. */
  port: number;
  /** Id of the run of the command that it is for; absent: for every trainer of this machine. */
  command?: string;
}

/**
 * Offers the dashboard's MLflow API, and its address of traces, on this machine's loopback, or at an address of it to
 * those with a token, and forwards them with the worker's token, so that trainers on a machine that the dashboard cannot
 * reach report there. A dashboard that is away is answered 503, after which MLflow's clients try again.
 *
 * @throws AppError "conflict" where the port is taken, "invalid-input" where the address is none of this machine
 */
export async function openTrackingRelay(options: TrackingRelayOptions): Promise<TrackingRelay> {
  const host = options.outside?.host ?? HOST;
  const server = createServer((request, response) => forward(request, response, options));
  // Files take as long as they take.
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, host, resolve);
  }).catch((error: unknown) => {
    if (NOT_HERE.some((code) => hasErrorCode(error, code)))
      throw new AppError(
        "invalid-input",
        `--tracking-address ${host} is no address of this machine: name the one by which the nodes of Ray reach it.`,
        { cause: error },
      );
    if (!hasErrorCode(error, "EADDRINUSE")) throw error;
    throw new AppError(
      "conflict",
      `Port ${options.port} is taken: give --mlflow-port another one, or 0 for any.`,
      { cause: error },
    );
  });
  return {
    address: `http://${isIPv6(host) ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * Offers it to the command of a run: on this machine's loopback, and where `host` is given also there, with a token of
 * this run alone.
 */
export async function openCommandTracking(
  options: { server: string; token: string; command: string },
  host: string | null,
): Promise<CommandTracking> {
  const inside = await openTrackingRelay({ ...options, port: 0 });
  if (host === null) return { ...inside, outside: null };
  const key = makeKey();
  try {
    const outside = await openTrackingRelay({ ...options, port: 0, outside: { host, key } });
    return {
      address: inside.address,
      outside: { address: outside.address, token: key },
      close: async () => void (await Promise.all([inside.close(), outside.close()])),
    };
  } catch (error) {
    await inside.close();
    throw error;
  }
}

/** @throws AppError "invalid-input" where no run could report at this address */
export async function checkTrackingAddress(host: string): Promise<void> {
  const outside = { host, key: makeKey() };
  await (
    await openTrackingRelay({ server: "http://127.0.0.1", token: "", port: 0, outside })
  ).close();
}

function forward(
  request: IncomingMessage,
  response: ServerResponse,
  { server, token, command, outside }: TrackingRelayOptions,
): void {
  const { host, origin, authorization, [COMMAND_HEADER]: _, ...given } = request.headers;
  if (outside && !isSameSecret(authorization ?? "", `Bearer ${outside.key}`))
    return refuse(
      response,
      401,
      "UNAUTHENTICATED",
      "Whoever reports here shows the token of its run: MLFLOW_TRACKING_TOKEN of the job's environment.",
    );
  // A page of elsewhere may reach this port through the browser: by a name of its own, or from its own origin.
  if ((!outside && !isLoopbackHost(host)) || origin !== undefined)
    return refuse(
      response,
      403,
      "PERMISSION_DENIED",
      outside
        ? "No page of a browser may report here."
        : "Only programs on this machine may report here.",
    );
  const base = new URL(server);
  const url = URL.parse(request.url ?? "/", base);
  // After its dots are resolved, and not another server's: the token goes to the dashboard alone.
  if (url?.origin !== base.origin || !PATH.test(url.pathname))
    return refuse(response, 404, "ENDPOINT_NOT_FOUND", "Only MLflow's API is forwarded here.");
  const send = url.protocol === "https:" ? requestHttps : requestHttp;
  const outgoing = send(url, {
    method: request.method,
    headers: {
      ...given,
      host: url.host,
      authorization: `Bearer ${token}`,
      ...(command !== undefined && { [COMMAND_HEADER]: command }),
    },
    timeout: SILENCE_MS,
  });
  outgoing.on("timeout", () => outgoing.destroy(new Error("it says nothing")));
  outgoing.on("response", (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.on("error", () => response.destroy());
    answer.pipe(response);
  });
  outgoing.on("error", (error) =>
    refuse(
      response,
      503,
      "TEMPORARILY_UNAVAILABLE",
      `The dashboard at ${new URL(server).origin} is not reached: ${error.message}`,
    ),
  );
  request.on("error", () => outgoing.destroy());
  response.on("close", () => {
    if (!response.writableFinished) outgoing.destroy();
  });
  request.pipe(outgoing);
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  response
    .writeHead(status, { "content-type": "application/json", connection: "close" })
    .end(JSON.stringify({ error_code: code, message }));
}
