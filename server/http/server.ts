import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TRPCError } from "@trpc/server";
import { nodeHTTPRequestHandler } from "@trpc/server/adapters/node-http";
import { applyWSSHandler } from "@trpc/server/adapters/ws";
import compression from "compression";
import type { Logger } from "pino";
import { WebSocketServer } from "ws";
import { appRouter, type AppRouter } from "@/server/trpc/router";
import type { Services } from "@/server/trpc/services";
import type { ApiContext } from "@/server/trpc/trpc";
import type { Database } from "@/server/platform/db/database";
import { refuseUpgrade } from "@/server/platform/refuse-upgrade";
import type { Access } from "./access";
import { isArtifactPath, serveArtifact } from "./artifact-routes";
import { findRefusalReason } from "./guard";
import { isMlflowFile, isMlflowPath, serveMlflow } from "./mlflow-routes";
import { isPointsPath, servePoints } from "./point-routes";
import { BODY_LIMITS, BodyGuard, type BodyLimits } from "./request-body";
import { isTracePath, serveTraces } from "./otlp-routes";
import { setSecurityHeaders } from "./response-headers";
import { SharedReads } from "./shared-reads";
import { serveStaticFile, type StaticFiles } from "./static-files";
import { isTokenPath, serveTokens } from "./token-routes";
import { isUploadPath, serveUpload } from "./upload-routes";

/** Answers of the API and pages: by brotli or gzip, as the client takes it. */
const compressAnswer = compression();
/** Calls in one request; a page asks for some twenty. */
const MAX_BATCH = 100;
/** A connection that asked for a WebSocket and was given none for so long is cut. */
const UPGRADE_MS = 10_000;
/** Time that open WebSockets get to close when the server stops. */
const CLOSE_MS = 300;

/** Serves everything that is not the server's own: the pages. */
export interface Pages {
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Scripts and styles that were compressed when the pages were built. */
  files?: StaticFiles;
  /** For the hot reloading of development; without it, pages have no WebSocket. */
  upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void>;
}

export interface HttpServer {
  server: Server;
  listen(port: number, host: string): Promise<number>;
  close(): Promise<void>;
}

/** What requests are answered by. */
type HttpServices = Services & { database: Database };

/** What requests go to. */
interface Routes {
  services: HttpServices;
  access: Access;
  pages: Pages | null;
  api: Api;
}

/** What both transports of tRPC share. */
interface Api {
  createContext: (options: { req: IncomingMessage }) => ApiContext;
  onError: (failure: { error: Error & { code?: string }; path?: string | undefined }) => void;
  bodies: BodyGuard;
  shared: SharedReads;
}

/**
 * The one HTTP server: /trpc, /trpc-ws, /worker, /worker/artifacts, /artifacts, /uploads, /worker/uploads, /tokens, /points, /healthz, and
 * /api/2.0/mlflow, /v1/traces, and pages for all the rest. Everything must come from a loopback name (guard.ts). Workers prove themselves by token, whoever
 * uses the page or the API by the installation's secret (access.ts).
 */
export function createHttpServer(
  services: HttpServices,
  access: Access,
  pages: Pages | null,
  log: Logger,
  limits: BodyLimits = BODY_LIMITS,
): HttpServer {
  const onError: Api["onError"] = ({ error, path }) => {
    if (error.code === "INTERNAL_SERVER_ERROR") log.error({ error, path }, "a procedure failed");
  };
  const api: Api = {
    bodies: new BodyGuard(limits),
    shared: new SharedReads({ maxBatchSize: MAX_BATCH, onError }),
    createContext: ({ req }) => {
      const actor = access.identify(req.headers);
      if (actor === null) throw new TRPCError({ code: "UNAUTHORIZED" }); // refused before
      return { services, actor };
    },
    onError,
  };
  const routes = { services, access, pages, api };
  const server = createServer((request, response) => {
    handleRequest(request, response, routes).catch((error: unknown) => {
      log.error({ error, path: request.url }, "a request failed");
      if (!response.headersSent) response.writeHead(500).end("internal error");
      else response.destroy();
    });
  });
  // An upload takes as long as it takes; where its bytes stop coming, the guard of bodies ends it.
  server.requestTimeout = 0;
  const sockets = acceptWebSockets(server, routes);
  return {
    server,
    listen(port, host) {
      return new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, host, () => {
          server.off("error", reject);
          const address = server.address();
          resolve(typeof address === "object" && address ? address.port : port);
        });
      });
    },
    async close() {
      services.workerConnections.stop();
      sockets.closeLive();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      // Workers get the time to receive the reason.
      const force = setTimeout(() => sockets.destroyAll(), CLOSE_MS);
      await closed;
      clearTimeout(force);
    },
  };
}

async function handleRequest(
  request: IncomingMessage,
  response: ServerResponse,
  routes: Routes,
): Promise<void> {
  const { services, access, api } = routes;
  setSecurityHeaders(response);
  api.bodies.watch(request, response);
  const url = parseRequestUrl(request);
  if (url === null) {
    response.writeHead(400, { connection: "close" }).end("the address cannot be read");
    return;
  }
  const { pathname } = url;
  const isFile = isArtifactPath(pathname) || isUploadPath(pathname);
  const refusal = findRefusalReason(request.headers);
  if (refusal !== null) {
    response
      .writeHead(403, { "content-type": "text/plain; charset=utf-8", connection: "close" })
      .end(refusal);
  } else if (pathname === "/healthz") {
    await answerHealth(response, services.database);
  } else if (isFile && pathname.startsWith("/worker/")) {
    if (isArtifactPath(pathname)) await serveArtifact(request, response, url, services);
    else await serveUpload(request, response, url, services, null);
  } else if (isMlflowPath(pathname)) {
    if (isMlflowFile(pathname) || api.bodies.admit(request, response))
      await serveMlflow(request, response, url, services, access);
  } else if (isTracePath(pathname)) {
    if (api.bodies.admit(request, response))
      await serveTraces(request, response, url, services, access);
  } else if (!access.enter(request, response, url)) {
    const actor = access.identify(request.headers);
    if (actor === null) access.refuse(request.headers, response);
    else await serveActor(request, response, url, actor, routes);
  }
}

/** Serves what only who was let in may have. */
async function serveActor(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  actor: string,
  { services, pages, api: { createContext, onError, bodies, shared } }: Routes,
): Promise<void> {
  const { pathname } = url;
  if (isArtifactPath(pathname)) {
    await serveArtifact(request, response, url, services);
  } else if (isUploadPath(pathname)) {
    await serveUpload(request, response, url, services, actor);
  } else if (isPointsPath(pathname)) {
    compressAnswer(request, response, () => undefined);
    await servePoints(request, response, url, services);
  } else if (isTokenPath(pathname)) {
    await serveTokens(request, response);
  } else if (pathname.startsWith("/trpc/") && shared.canServe(request, pathname)) {
    const context = createContext({ req: request });
    await shared.serve(request, response, { state: services.liveEvents.state, context });
  } else if (pathname.startsWith("/trpc/")) {
    compressAnswer(request, response, () => undefined);
    if (!bodies.admit(request, response)) return;
    await nodeHTTPRequestHandler<AppRouter, IncomingMessage, ServerResponse>({
      router: appRouter,
      createContext,
      req: request,
      res: response,
      path: pathname.slice("/trpc/".length),
      maxBodySize: bodies.maxBytes,
      maxBatchSize: MAX_BATCH,
      onError,
    });
  } else if (pages) {
    if (pages.files && (await serveStaticFile(request, response, pathname, pages.files))) return;
    compressAnswer(request, response, () => undefined);
    await pages.handle(request, response);
  } else {
    response.writeHead(404).end("not found");
  }
}

/** 200 where the database answers, 503 where it does not. */
async function answerHealth(response: ServerResponse, database: Database): Promise<void> {
  const isUp = await database.check().then(
    () => true,
    () => false,
  );
  response
    .writeHead(isUp ? 200 : 503, { "content-type": "application/json" })
    .end(JSON.stringify({ ok: isUp }));
}

/** The address of a request; null where it is none, as "//". */
const parseRequestUrl = ({ url }: IncomingMessage): URL | null =>
  URL.parse(url ?? "/", "http://localhost");

/** Bytes that were sent over a connection so far. */
const countWritten = (socket: Duplex): number =>
  socket instanceof Socket ? socket.bytesWritten : 0;

/** Accepts the WebSockets of workers (/worker), live data (/trpc-ws) and pages. */
function acceptWebSockets(
  server: Server,
  { services, access, pages, api: { createContext, onError } }: Routes,
): { closeLive(): void; destroyAll(): void } {
  const liveSockets = new WebSocketServer({ noServer: true, maxPayload: 1024 * 1024 });
  const trpcSockets = applyWSSHandler<AppRouter>({
    wss: liveSockets,
    router: appRouter,
    createContext,
    keepAlive: { enabled: true, pingMs: 20_000, pongWaitMs: 10_000 },
    onError,
  });
  // The server forgets a connection that was upgraded, and would wait for it for ever when it closes.
  const upgraded = new Set<Duplex>();
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    upgraded.add(socket);
    socket.on("close", () => upgraded.delete(socket));
    socket.on("error", () => socket.destroy());
    const refusal = findRefusalReason(request.headers);
    if (refusal !== null) return refuseUpgrade(socket, "403 Forbidden", refusal);
    const before = countWritten(socket);
    setTimeout(() => {
      if (countWritten(socket) === before) socket.destroy();
    }, UPGRADE_MS).unref();
    const pathname = parseRequestUrl(request)?.pathname;
    if (pathname === "/worker") void services.workerConnections.upgrade(request, socket, head);
    else if (access.identify(request.headers) === null)
      refuseUpgrade(socket, "401 Unauthorized", access.describeRefusal({}).body);
    else if (pathname === "/trpc-ws")
      liveSockets.handleUpgrade(request, socket, head, (webSocket) =>
        liveSockets.emit("connection", webSocket, request),
      );
    else if (pages?.upgrade && pathname?.startsWith("/_next/"))
      void pages.upgrade(request, socket, head);
    else refuseUpgrade(socket, "404 Not Found", "there is no WebSocket here");
  });
  return {
    closeLive() {
      trpcSockets.broadcastReconnectNotification();
      for (const socket of liveSockets.clients) socket.terminate();
      liveSockets.close();
    },
    destroyAll() {
      for (const socket of upgraded) socket.destroy();
    },
  };
}
